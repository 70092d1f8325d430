// Telegram as a server sees it: bots, the initData of their Mini Apps, the fields of their Login Widgets.
import { createHash, createHmac, randomInt } from 'node:crypto'
import { sign } from '@telegram-apps/init-data-node'
import { post, type Reply } from './api.ts'
import type { Server } from './server.ts'
import type { Table } from './toml.ts'

export interface Bot {
  id: number
  token: string
}

export const bot = (id: number): Bot => ({ id, token: `${id}:AAH5YkoiEuPk8-FZa32hStHTqXiLPtAEhx8` })

export const telegramConfig = (bots: Bot[], more: Table = {}): Table => ({
  signin: { telegram: { enabled: true, bot: bots.map(({ id, token }) => ({ id, token })), ...more } },
})

export interface Person {
  id: number
  first_name: string
  username?: string
}

let last = randomInt(1_000_000, 1_000_000_000)
/** Somebody whom no server has seen. */
export const person = (): Person => ({ id: ++last, first_name: 'Ada', username: `ada${last}` })

/** Signed by the library that Mini Apps' back ends use. */
export const initData = (of: Bot, user: Person, more: object = {}, at = new Date()): string =>
  sign({ user, chat_instance: String(randomInt(1e12)), ...more } as Parameters<typeof sign>[0], of.token, at)

/** What a Login Widget gives its callback, by Telegram's description of it. */
export function widget(of: Bot, user: Person, at = new Date()): Record<string, string | number> {
  const fields: Record<string, string | number> = { ...user, auth_date: Math.floor(at.getTime() / 1000) }
  const text = Object.keys(fields).sort().map((name) => `${name}=${fields[name]}`).join('\n')
  const key = createHash('sha256').update(of.token).digest()
  return { ...fields, hash: createHmac('sha256', key).update(text).digest('hex') }
}

export const telegramSignIn = (server: Server, body: unknown, route = '/api/v2/auth/telegram'): Promise<Reply> =>
  post(server, route, body)
