// The package `gatecast` before a balancer without sticky sessions: every connection and call may reach another node.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numbers, publishAll } from '../harness/client.ts'
import { done, startNodes } from '../harness/nodes.ts'
import { FaultProxy } from '../harness/fault_proxy.ts'
import { App } from '../harness/sdk.ts'
import { until } from '../harness/until.ts'

test('signed in, renewed, connected and told of purchases and notifications on one node after another', async (t) => {
  const nodes = await startNodes(t, 3)
  const proxy = await FaultProxy.open(t, nodes[0]!.port)
  const app = new App(t, proxy.origin)
  const { user } = await app.signIn()
  const heard: number[] = []
  let places = 0
  app.gatecast.channel<number>('long:sdk').subscribe({ publication: ({ data }) => heard.push(data), subscribed: () => places++ })
  await until('the connection', () => app.gatecast.connection === 'connected')
  // Who has no place yet has nothing to recover from.
  await until('the subscription', () => places === 1)
  let sent = 0
  for (const [round, next] of [1, 2, 0, 1].entries()) {
    // The node it was on is gone for it; the others go on meanwhile.
    proxy.refuse()
    proxy.cut()
    await publishAll(nodes[(next + 1) % 3]!, 'long:sdk', numbers(sent + 1, sent + 5))
    await done(nodes[(next + 2) % 3]!, 'grant_add', { user: user.id, resource: `post:${round}` })
    await done(nodes[(next + 1) % 3]!, 'notify', { user: user.id, kind: 'sale', data: round })
    sent += 5
    proxy.redirect(nodes[next]!.port)
    proxy.heal()
    await until('everything it missed', () => heard.length >= sent && app.gatecast.grants.has(`post:${round}`))
    await app.gatecast.auth.refresh()
  }
  assert.deepEqual(heard, numbers(1, sent))
  assert.deepEqual(app.signedOut, [])
  await done(nodes[2]!, 'session_end', { user: user.id })
  await until('the end to be known', () => app.signedOut.length === 1)
})
