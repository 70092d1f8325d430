// Signing in, step by step: a key of this tab or an installed wallet, a pasted token, or pasted initData.
import { base64 } from '../demo/base58.ts'
import { throwAwayKey, watchWallets, type Signer, type Signed } from '../demo/signer.ts'
import { area, h, section } from './dom.ts'
import { demand, type Reply } from './http.ts'
import { tab } from './tab.ts'
import { bare, decode, generationOf } from './token.ts'
import { Action, bad, explained, good, need, warn, type Said } from './verdict.ts'
import { Refusal } from '../refusal.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

export class SignIn {
  readonly element: HTMLElement
  /** Everything from a key to tokens. */
  readonly all: Action
  #signer: Signer | undefined
  #text: string | undefined
  #signed: Signed | undefined
  readonly #textShown = h('pre', { id: 'challenge', tabindex: '0', 'aria-label': 'Text to sign', hidden: true })
  readonly #wallets = h('div', { class: 'row', id: 'wallets' })

  constructor() {
    const key = new Action('make-key', 'Make a key', 'An Ed25519 key that lives in this tab only.', () => this.#useKey(), true)
    const ask = new Action('get-challenge', 'Get the text', 'The server writes what is to be signed.', () => this.#ask(), true)
    const sign = new Action('sign-text', 'Sign it', 'The key signs these bytes.', () => this.#sign(), true)
    const send = new Action('send-proof', 'Send it', 'The server checks the signature and starts a session.', () => this.#send(), true)
    const steps = [key, ask, sign, send]
    this.all = new Action('sign-in', 'Sign in', 'All four steps below, one after the other.', () => this.signIn())
    const [tokenField, token] = area('paste-token', 'Access token, or refresh token')
    const take = new Action('use-token', 'Use it', 'From your application: an access token, or a refresh token.', () => this.#take(token), true)
    const [dataField, data] = area('paste-initdata', 'Telegram.WebApp.initData')
    const telegram = new Action('use-initdata', 'Sign in with it', 'As Telegram handed it to the Mini App.', () => this.#telegram(data), true)
    const forget = new Action('forget', 'Forget', 'This tab forgets its tokens; the session stands.', () => this.#forget(), true)
    this.element = section(
      'signin',
      'Sign in',
      'Tokens stay in this tab; the three test pages share them.',
      this.all.element,
      details('signin-steps', 'Step by step, or with a wallet', this.#wallets, ...steps.map((step) => step.element), this.#textShown),
      details('signin-paste', 'With a token or with initData', tokenField, take.element, dataField, telegram.element),
      forget.element,
    )
    watchWallets((wallet) => {
      const choice = h('button', { type: 'button', class: 'quiet' }, wallet.name)
      choice.addEventListener('click', () => {
        wallet.connect().then((signer) => this.#use(signer), () => choice.append(' – refused'))
      })
      this.#wallets.append(choice)
    })
  }

  /** Signs in with the key there is, or a new one. */
  async signIn(): Promise<Said> {
    if (!this.#signer) this.#useKey()
    await this.#ask()
    await this.#sign()
    return this.#send()
  }

  #use(signer: Signer): Said {
    this.#signer = signer
    this.#text = this.#signed = undefined
    return good(`address ${signer.address}`)
  }

  #useKey(): Said {
    return this.#use(throwAwayKey())
  }

  async #ask(): Promise<Said> {
    if (!this.#signer) throw need('make a key first')
    const { body } = await demand('POST', 'api/v2/auth/wallet/challenge', { body: { chain: 'solana', address: this.#signer.address } })
    this.#text = body.message as string
    this.#textShown.textContent = this.#text
    this.#textShown.hidden = false
    return good(`a text for ${body.input.domain}, good until ${body.expiresAt}`)
  }

  async #sign(): Promise<Said> {
    if (!this.#signer || this.#text === undefined) throw need('get the text first')
    this.#signed = await this.#signer.sign(bytes(this.#text))
    return good(`${this.#signed.signature.length} bytes of signature`)
  }

  async #send(): Promise<Said> {
    const [signer, text, signed] = [this.#signer, this.#text, this.#signed]
    if (!signer || text === undefined || !signed) throw need('sign the text first')
    const plain = bytes(text)
    // A wallet may wrap the text before it signs; then the signed bytes go along.
    const same = signed.message.length === plain.length && signed.message.every((byte, i) => byte === plain[i])
    const message = same ? { message: text } : { signedMessage: base64(signed.message) }
    this.#signed = undefined
    const reply = await demand('POST', 'api/v2/auth/wallet', {
      body: { chain: 'solana', address: signer.address, ...message, signature: base64(signed.signature) },
    })
    return adopted(reply, 'signed in')
  }

  async #take(input: HTMLTextAreaElement): Promise<Said> {
    const text = bare(input.value)
    if (text === '') throw need('paste a token first')
    input.value = ''
    if (generationOf(text) !== undefined) {
      return adopted(await demand('POST', 'api/v2/auth/refresh', { body: { refreshToken: text } }), 'pasted refresh token')
    }
    if (!decode(text)) return bad('that is no token that can be read', 'An access token has three parts with dots between.')
    tab.adopt(text, undefined, 'pasted')
    return warn('taken as it is', 'Whether the server takes it, the checks say. Without a refresh token it cannot be renewed.')
  }

  async #telegram(input: HTMLTextAreaElement): Promise<Said> {
    const initData = input.value.trim()
    if (initData === '') throw need('paste initData first')
    input.value = ''
    return adopted(await demand('POST', 'api/v2/auth/telegram', { body: { initData } }), 'signed in by Telegram')
  }

  #forget(): Said {
    tab.clear()
    this.#signer = this.#text = this.#signed = undefined
    return good('forgotten')
  }
}

export function adopted({ body, ms }: Reply, how: string): Said {
  tab.adopt(body.token, body.refreshToken, how)
  return good(`${how}: user ${body.user.id}, ${body.expiresIn} s, generation ${generationOf(body.refreshToken) ?? '–'}`, `${ms.toFixed(0)} ms`)
}

export function details(id: string, title: string, ...children: Node[]): HTMLElement {
  return h('details', { id }, h('summary', {}, title), ...children)
}

/** Ends the session of this tab's token; the tab keeps the token, so that its end can be seen. */
export async function logOut(path = 'api/v2/auth/logout'): Promise<Said> {
  if (!tab.token) throw need('sign in first')
  try {
    const { body } = await demand('POST', path, { body: {}, token: tab.token })
    return good(body.ended === undefined ? 'the session has ended' : `${body.ended} ended`)
  } catch (error) {
    if (error instanceof Refusal) return explained(error.explanation, error.requestId)
    throw error
  }
}
