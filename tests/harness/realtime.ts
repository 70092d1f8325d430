// A server with namespaces of every kind, and tokens as an application makes them, signed by a library that is not ours.
import { randomBytes } from 'node:crypto'
import { SignJWT, type JWTPayload } from 'jose'
import { call } from './api.ts'
import { type Scope } from './scope.ts'
import { remember } from './secrets.ts'
import { startServer, type Server, type StartOptions } from './server.ts'
import { claimsOf, nowSeconds } from './token.ts'
import { merged, type Table } from './toml.ts'

/** Publications that a channel of `log` keeps. */
export const kLogSize = 60
const kHistory = { history_size: kLogSize, history_ttl: '5m' }
const kClient = { allow_subscribe_for_client: true, allow_publish_for_client: true }

export const kNamespaces: Table[] = [
  { name: 'plain', ...kClient },
  { name: 'log', ...kClient, ...kHistory, allow_history_for_client: true, force_recovery: true },
  { name: 'long', ...kClient, history_size: 1000, history_ttl: '5m', allow_history_for_client: true, force_recovery: true },
  { name: 'asked', ...kClient, ...kHistory, allow_recovery: true, allow_positioning: true },
  { name: 'value', ...kClient, force_recovery: true, force_recovery_mode: 'cache', history_size: 1, history_ttl: '5m' },
  { name: 'room', ...kClient, allow_presence_for_subscriber: true, presence: true, join_leave: true, force_push_join_leave: true },
  { name: 'closed', ...kHistory, force_recovery: true },
]

const keySecret = randomBytes(36).toString('base64url')
const issuerSecret = randomBytes(36).toString('base64url')
const kIssuer = 'https://app.example'
remember('token key', keySecret)
remember('secret of the issuer', issuerSecret)

/** Users are those of the issuer `app`, whose tokens the tests make; the server has a key of its own besides. */
export const realtimeConfig = (more: Table = {}): Table =>
    merged(
      {
        namespace: kNamespaces,
        token: {
          key: [{ algorithm: 'HS256', secret: keySecret }],
          trusted: [{ name: 'app', issuer: kIssuer, audience: 'chat', secret: issuerSecret, subject: 'same' }],
        },
      },
      more,
    )

export const startRealtime = (scope: Scope, more: Table = {}, options: StartOptions = {}): Promise<Server> =>
  startServer(scope, { ...options, config: realtimeConfig(more) })

const signed = (claims: JWTPayload, secret: string, typ = 'JWT') =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ }).sign(new TextEncoder().encode(secret))

/** A connection token of the application for one of its users. */
export const appToken = (sub: string, claims: JWTPayload = {}) =>
  signed({ iss: kIssuer, aud: 'chat', sub, iat: nowSeconds(), exp: nowSeconds() + 600, ...claims }, issuerSecret)

/** A subscription token of the application: whoever made the connection token makes these. */
export const channelToken = (sub: string, channel: string, claims: JWTPayload = {}, secret = issuerSecret) =>
  signed({ sub, channel, ...claims }, secret)

/** A token of the server's own with other claims, under its own key. */
export const retold = (token: string, claims: JWTPayload) => signed({ ...claimsOf(token), ...claims }, keySecret, 'at+jwt')


/** One gauge or counter of /metrics: the sum over its labels, or over those lines that hold `label`. */
export async function metric(server: Server, name: string, label = ''): Promise<number> {
  const { body } = await call(`${server.ops}/metrics`, 'GET')
  const lines = (body as string).split('\n').filter((line) => line.split(/[ {]/)[0] === `gatecast_${name}` && line.includes(label))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}
