/** What the functions are given, each its part. Composed from AWS (compose.ts) or from one machine (local/system.ts). */
import type { ChatDeps, DispatcherDeps, WorkerDeps } from '../../services/deps.ts'

export type FunctionDeps = DispatcherDeps & WorkerDeps & ChatDeps & { readonly cursorKey: string }
/** Made at the first event, so that importing a handler reads no environment. */
export type Use = () => FunctionDeps
