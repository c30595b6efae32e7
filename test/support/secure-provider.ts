/** A provider behind TLS, with a certificate that nobody trusts. Its key is no secret: it vouches for 127.0.0.1 alone. */

import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'

const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUMLPzZzTeWXq2OTacvcxJPVwknkkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyNzAwNDkzNVoYDzIxMjYxMTAz
MDA0OTM1WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQXQ72h7fARXyUEs3WR73U402B2+f0akL7s4JaGO+1eDelkk9qCoFhx
gIdmOJploUjW6rGFvfy4xOjDh//fFZYCo2QwYjAdBgNVHQ4EFgQULkTItUtgqhFl
vwn+lycqjwF2VM8wHwYDVR0jBBgwFoAULkTItUtgqhFlvwn+lycqjwF2VM8wDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQChheOLxbmSB04ReUViCkln1h+cR1/L7+y0RunSUAWFKgIgG0hzt/YPK8+p7rv6
zpO2lmTptEaeJ1gSIDkf4D4QOb4=
-----END CERTIFICATE-----`
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIKbaMmmuOuotzzXy
JRv//cpJT6Ii0Eq6kZ2iozudoB6hRANCAAQXQ72h7fARXyUEs3WR73U402B2+f0a
kL7s4JaGO+1eDelkk9qCoFhxgIdmOJploUjW6rGFvfy4xOjDh//fFZYC
-----END PRIVATE KEY-----`

/** It listens; whoever starts it closes it. */
export async function secureServer(listener: RequestListener): Promise<{ server: Server; baseUrl: string }> {
  const server = createServer({ cert: CERTIFICATE, key: KEY }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, baseUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1` }
}
