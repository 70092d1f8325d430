// What Telegram gives a page: the signed initData of a Mini App, or the fields of a Login Widget.
import { GatecastError } from './errors.ts'

/** The object that a Login Widget hands its callback. */
export interface TelegramWidget {
  id: number
  auth_date: number
  hash: string
  first_name?: string
  last_name?: string
  username?: string
  photo_url?: string
}

export interface TelegramGiven {
  initData?: string
  widget?: TelegramWidget
  /** Where the server knows several bots. */
  botId?: number
}

export interface TelegramProof {
  initData?: string
  widget?: TelegramWidget
  bot_id?: number
}

/** Of the Mini App that this page is: by Telegram's script, or from the address where that is not loaded. */
export function initDataHere(): string | undefined {
  if (typeof window === 'undefined') return undefined
  const app = (window as { Telegram?: { WebApp?: { initData?: string } } }).Telegram?.WebApp?.initData
  if (app) return app
  return new URLSearchParams(window.location.hash.slice(1)).get('tgWebAppData') ?? undefined
}

export function proveTelegram({ initData, widget, botId }: TelegramGiven = {}): TelegramProof {
  const bot = botId === undefined ? {} : { bot_id: botId }
  if (widget) return { widget, ...bot }
  const data = initData ?? initDataHere()
  if (!data) throw new GatecastError('initdata_missing')
  return { initData: data, ...bot }
}
