// The application's back end, as far as there is one: tells people that somebody came by their link. Node, no packages.
//
//   GATECAST_API_KEY=$(cat data/dev-api.key) node worker.mjs
//
// It reads gatecast's feed of events from the start each time it is started. That repeats nothing: a notification has a key,
// and is made once for each.
const api = process.env.GATECAST_API_URL ?? 'http://127.0.0.1:9090'
const headers = { 'X-API-Key': process.env.GATECAST_API_KEY ?? '', 'Content-Type': 'application/json' }

async function ask(method, body) {
  const reply = await fetch(`${api}/api/${method}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const { result, error } = await reply.json()
  if (!result) throw new Error(`${method}: ${error?.name ?? reply.status}`)
  return result
}

async function thank({ user, type }) {
  if (type !== 'user.created') return
  const { user: guest } = await ask('user_get', { user }).catch(() => ({ user: {} }))
  if (!guest.referrer) return
  await ask('notify', { user: guest.referrer, kind: 'referral', data: {}, key: `referral-${user}` })
  console.log('referral counted')
}

for (let after = 0; ; ) {
  try {
    const reply = await fetch(`${api}/api/events?after=${after}&wait=25`, { headers })
    if (!reply.ok) throw new Error(`events: ${reply.status}`)
    const { events, next } = await reply.json()
    for (const event of events) await thank(event)
    after = next
  } catch (error) {
    console.error(String(error))
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}
