// The demo page: five steps from a key to an ended session. Holds the token in memory only.
import { challenge, logOut, signIn, type Tokens } from './api.ts'
import { explainReply } from '../explain.ts'
import { attempt, button, element, input, show, verdict } from './page.ts'
import { Realtime } from './realtime.ts'
import { throwAwayKey, watchWallets, type Signer } from './signer.ts'
import { Refusal } from '../refusal.ts'

const kMessagesShown = 50

let signer: Signer | undefined
let tokens: Tokens | undefined
let realtime: Realtime | undefined
let personal = ''

function useSigner(chosen: Signer, name: string): void {
  signer = chosen
  show('address', chosen.address)
  button('sign-in').disabled = false
  verdict('key', 'good', `${name} is ready`)
}

async function freshTokens(): Promise<Tokens> {
  if (!signer) throw new Error('make a key first')
  const text = await challenge(signer)
  show('challenge', text)
  const answer = await signIn(signer, text)
  tokens = answer
  show('user', answer.user.id)
  show('session', answer.session.id)
  show('expires', `runs out in ${answer.expiresIn} s, at ${answer.expiresAt}`)
  return answer
}

function writeCurl(): void {
  const body = JSON.stringify({ channel: personal, data: { text: 'hello from a terminal' } })
  const api = input('api-address').value.replace(/\/+$/, '')
  show('curl', personal ? `curl -H "X-API-Key: $KEY" -H 'Content-Type: application/json' -d '${body}' ${api}/api/publish` : '–')
  button('copy').disabled = personal === ''
}

function addMessage(channel: string, data: unknown): void {
  const item = document.createElement('li')
  const name = document.createElement('span')
  name.className = 'channel'
  name.textContent = channel
  item.append(name, ` ${JSON.stringify(data)}`)
  const list = element('messages')
  list.prepend(item)
  while (list.children.length > kMessagesShown) list.lastElementChild?.remove()
  verdict('messages', 'good', `a message on ${channel}`)
}

button('make-key').addEventListener('click', () => attempt('key', () => useSigner(throwAwayKey(), 'A throw-away key')))

watchWallets((wallet) => {
  const choice = document.createElement('button')
  choice.className = 'quiet'
  choice.textContent = wallet.name
  choice.addEventListener('click', () => attempt('key', async () => useSigner(await wallet.connect(), wallet.name)))
  element('wallets').append(choice)
})

button('sign-in').addEventListener('click', () =>
  attempt('signin', async () => {
    verdict('signin', 'busy', 'signing in')
    await freshTokens()
    verdict('signin', 'good', 'signed in')
    button('connect').disabled = false
    button('logout').disabled = false
  }),
)

button('connect').addEventListener('click', () =>
  attempt('connect', () => {
    if (!tokens) return
    show('close-code', '–')
    show('close-reason', '–')
    realtime = new Realtime(tokens.token, async () => (await freshTokens()).token, {
      personal(channel) {
        personal = channel
        show('personal', channel)
        writeCurl()
      },
      message: addMessage,
    })
  }),
)

button('disconnect').addEventListener('click', () => realtime?.disconnect())
input('api-address').addEventListener('input', writeCurl)

button('copy').addEventListener('click', () =>
  attempt('messages', async () => {
    await navigator.clipboard.writeText(element('curl').textContent)
    verdict('messages', 'good', 'copied; set KEY to a key of the server API')
  }),
)

element('subscribe-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void attempt('messages', () => realtime?.subscribe(input('channel').value.trim()))
})

element('publish-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void attempt('messages', async () => {
    try {
      await realtime?.publish(input('text').value)
    } catch (error) {
      const { code = 0, message = String(error) } = error as { code?: number; message?: string }
      throw new Refusal(explainReply(code, message))
    }
  })
})

button('logout').addEventListener('click', () =>
  attempt('logout', async () => {
    if (!tokens) return
    verdict('logout', 'busy', 'ending the session')
    await logOut(tokens.token)
    tokens = undefined
    button('logout').disabled = true
    button('connect').disabled = true
    verdict('logout', 'good', 'session ended')
  }),
)
