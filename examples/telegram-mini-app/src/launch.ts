// What Telegram tells a Mini App when it opens it: parameters behind the # of the address, of which tgWebAppData is signed.
import { initDataHere } from 'gatecast'

export interface Launch {
  /** As Telegram signed it: sent to the server as it is, never parsed and written again. */
  initData: string
  /** Who opened the app, by the unsigned eye of this page: only good for choosing between stored sessions. */
  telegramId: number | undefined
}

export function readLaunch(): Launch | undefined {
  const initData = initDataHere()
  if (!initData) return undefined
  let telegramId: number | undefined
  try {
    telegramId = (JSON.parse(new URLSearchParams(initData).get('user') ?? '{}') as { id?: number }).id
  } catch {
    // The server says what is wrong with it.
  }
  return { initData, telegramId }
}
