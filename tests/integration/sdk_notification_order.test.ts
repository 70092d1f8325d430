// The SDK keeps the newest count of unread notifications, whichever server's word comes last.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type NotificationChange, Notifications } from '../../sdk/gatecast/src/notifications.ts'

type Counted = { unread: number; version?: number }

function made(answers: Counted[] = []) {
  const told: NotificationChange[] = []
  const notifications = new Notifications({
    call: async <Answer>() => ({ notifications: [], next: null, changed: 1, ...answers.shift()! }) as Answer,
    want: () => {},
    signedIn: () => true,
    report: (error) => assert.fail(error),
  })
  const says = (unread: number, version?: number) =>
    notifications.affair({ type: 'notification.read', ids: ['1'], unread, ...(version === undefined ? {} : { version }) })
  return { notifications, told, says }
}

test('word that was overtaken changes what it names, and not the count', () => {
  const { notifications, told, says } = made([{ unread: 9, version: 1 }])
  says(3, 7)
  notifications.on((change) => told.push(change))
  says(4, 6)
  assert.equal(notifications.unread, 3)
  assert.deepEqual(told, [{ type: 'read', ids: ['1'], unread: 3 }])
  says(2, 8)
  assert.equal(notifications.unread, 2)
})

test('an answer older than a push does not count either', async () => {
  const { notifications, says } = made([{ unread: 5, version: 10 }, { unread: 4, version: 12 }])
  says(3, 11)
  assert.equal((await notifications.list()).unread, 3)
  assert.deepEqual(await notifications.markRead(['1']), { changed: 1, unread: 4 })
})

test('a server that says no version has the last word', () => {
  const { notifications, says } = made()
  says(3, 7)
  says(9)
  assert.equal(notifications.unread, 9)
})

test('after a gap what is asked for counts, since a restore takes versions back', async () => {
  const { notifications, says } = made([{ unread: 1, version: 2 }])
  says(3, 7)
  notifications.stale()
  assert.equal((await notifications.list()).unread, 1)
})
