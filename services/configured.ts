/** An entry of the configuration under a name that a caller chose: `constructor` is nothing that a user wrote there. */
export const configured = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined
