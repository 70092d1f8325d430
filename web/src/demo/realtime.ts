// The connection: the official client, its events told to the page as they come.
import { Centrifuge, State, UnauthorizedError, type Subscription } from 'centrifuge'
import { websocketAddress } from './api.ts'
import { explainClose, explainReply } from '../explain.ts'
import { button, refused, show, verdict } from './page.ts'

export interface Events {
  personal(channel: string): void
  message(channel: string, data: unknown): void
}

export class Realtime {
  readonly #client: Centrifuge
  readonly #events: Events
  #subscription: Subscription | undefined

  /** `renew` signs in again when the token runs out while the connection is up. */
  constructor(token: string, renew: () => Promise<string>, events: Events) {
    this.#events = events
    this.#client = new Centrifuge(websocketAddress(), {
      token,
      getToken: async () => {
        try {
          return await renew()
        } catch (error) {
          throw new UnauthorizedError(error instanceof Error ? error.message : String(error))
        }
      },
    })
    this.#client.on('state', ({ newState }) => this.#showState(newState))
    this.#client.on('connecting', ({ reason }) => verdict('connect', 'busy', `connecting: ${reason}`))
    this.#client.on('connected', ({ client, transport }) => {
      show('client', client)
      verdict('connect', 'good', `connected over ${transport}`)
    })
    this.#client.on('error', ({ error }) => refused('connect', explainReply(error.code, error.message)))
    this.#client.on('disconnected', ({ code, reason }) => this.#closed(code, reason))
    this.#client.on('subscribed', ({ channel }) => events.personal(channel))
    this.#client.on('publication', ({ channel, data }) => events.message(channel, data))
    this.#client.connect()
  }

  subscribe(channel: string): void {
    if (this.#subscription) this.#client.removeSubscription(this.#subscription)
    const subscription = this.#client.newSubscription(channel)
    this.#subscription = subscription
    subscription.on('subscribing', () => show('channel-state', `Subscribing to ${channel} …`))
    subscription.on('subscribed', () => {
      show('channel-state', `Subscribed to ${channel}.`)
      button('publish').disabled = false
    })
    subscription.on('unsubscribed', ({ code, reason }) => {
      button('publish').disabled = true
      show('channel-state', 'Not subscribed.')
      // Code 0 is the page's own doing.
      if (code !== 0) refused('messages', explainReply(code, reason))
    })
    subscription.on('publication', ({ data }) => this.#events.message(channel, data))
    subscription.subscribe()
  }

  async publish(text: string): Promise<void> {
    await this.#subscription?.publish({ text })
  }

  disconnect(): void {
    this.#client.disconnect()
  }

  #showState(state: State): void {
    show('state', state)
    button('connect').disabled = state !== State.Disconnected
    button('disconnect').disabled = state === State.Disconnected
    button('subscribe').disabled = state !== State.Connected
  }

  #closed(code: number, reason: string): void {
    show('close-code', String(code))
    show('close-reason', reason)
    button('publish').disabled = true
    // Below 3000 stand the client's own codes: it was told to disconnect.
    if (code < 3000) verdict('connect', 'good', `closed by this page: ${reason}`)
    else refused('connect', { ...explainClose(code, reason), message: `closed with ${code}, ${reason}` })
  }
}
