// Many official clients on several nodes, a publisher that numbers what it sends, and the judgement of what each of
// them has at the end, against the stream that the servers then have.
import assert from 'node:assert/strict'
import type { PublicationContext, SubscribedContext } from 'centrifuge'
import { Client } from './client.ts'
import { done } from './nodes.ts'
import { appToken } from './realtime.ts'
import { type Scope } from './scope.ts'
import { type Server } from './server.ts'
import { until } from './until.ts'

export type Event =
  | { kind: 'subscribed'; recovered: boolean; wasRecovering: boolean; offset: number; epoch: string }
  | { kind: 'publication'; number: number; offset: number }

export interface Kept {
  number: number
  offset: number
}

/** One subscription of one client, with what it was told in its order. */
export class Member {
  readonly client: Client
  readonly channel: string
  readonly events: Event[] = []
  readonly ends: { code: number; reason: string }[] = []

  constructor(client: Client, channel: string) {
    this.client = client
    this.channel = channel
    const { subscription } = client.subscription(channel)
    subscription.on('subscribed', ({ recovered, wasRecovering, streamPosition }: SubscribedContext) =>
      this.events.push({
        kind: 'subscribed',
        recovered,
        wasRecovering,
        offset: streamPosition?.offset ?? 0,
        epoch: streamPosition?.epoch ?? '',
      }),
    )
    subscription.on('publication', ({ data, offset }: PublicationContext) =>
      this.events.push({ kind: 'publication', number: data as number, offset: offset ?? 0 }),
    )
    subscription.on('unsubscribed', ({ code, reason }) => this.ends.push({ code, reason }))
    subscription.subscribe()
  }

  get numbers(): number[] {
    return this.events.flatMap((event) => (event.kind === 'publication' ? [event.number] : []))
  }
  /** Times it was told that what it has may have a hole. */
  get told(): number {
    return this.events.filter((event) => event.kind === 'subscribed' && event.wasRecovering && !event.recovered).length
  }
  get recoveries(): number {
    return this.events.filter((event) => event.kind === 'subscribed' && event.wasRecovering && event.recovered).length
  }
  get subscribed(): boolean {
    return this.events.length > 0
  }

  faults(stream: readonly Kept[], sent: ReadonlySet<number>): string[] {
    return faultsOf(this.events, stream, sent)
  }
}

/** What is wrong with what a subscriber was given; empty: nothing. */
export function faultsOf(events: readonly Event[], stream: readonly Kept[], sent: ReadonlySet<number>): string[] {
  const found: string[] = []
  const seen = new Set<number>()
  let last: number | undefined
  let since = { offset: 0, index: 0 }
  for (const [index, event] of events.entries()) {
    if (event.kind === 'subscribed') {
      if (event.wasRecovering && event.recovered) continue
      last = event.offset
      since = { offset: event.offset, index }
      continue
    }
    if (seen.has(event.number)) found.push(`${event.number} twice`)
    if (!sent.has(event.number)) found.push(`${event.number} was never sent`)
    seen.add(event.number)
    if (last !== undefined && event.offset !== last + 1) found.push(`offset ${event.offset} behind ${last}, and was not told`)
    last = event.offset
  }
  // From where it was last told its place, it has exactly the stream.
  const has = events.slice(since.index).flatMap((event) => (event.kind === 'publication' ? [event] : []))
  const due = stream.filter(({ offset }) => offset > since.offset)
  const [hasText, dueText] = [has, due].map((list) => list.map(({ number, offset }) => `${offset}:${number}`).join(' '))
  if (hasText !== dueText) found.push(`since ${since.offset} it has [${hasText}], the stream [${dueText}]`)
  return found
}

/** Publishes numbers to one channel, one after the other. */
export class Publisher {
  readonly channel: string
  readonly sent = new Set<number>()
  readonly acknowledged: number[] = []
  /** The answer was an error or none: it may have landed. */
  readonly uncertain: number[] = []
  readonly #servers: readonly Server[]
  #next = 1

  constructor(channel: string, servers: readonly Server[]) {
    this.channel = channel
    this.#servers = servers
  }

  async one(): Promise<boolean> {
    const number = this.#next++
    this.sent.add(number)
    const server = this.#servers[number % this.#servers.length]!
    const landed = await done(server, 'publish', { channel: this.channel, data: number }).then(
      () => true,
      () => false,
    )
    ;(landed ? this.acknowledged : this.uncertain).push(number)
    return landed
  }

  async many(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.one()
  }

  /** Goes on until `over`; gives how many were sent. */
  async during(over: Promise<unknown>, most = 400): Promise<void> {
    let ended = false
    void over.then(
      () => (ended = true),
      () => (ended = true),
    )
    for (let i = 0; i < most && !ended; i++) await this.one()
    await over
  }
}

export interface Counts {
  members: number
  sent: number
  acknowledged: number
  uncertain: number
  kept: number
  delivered: number
  recovered: number
  told: number
  /** Acknowledged, and not in the stream at the end. */
  lost: number
}

export class Crowd {
  readonly members: Member[]
  readonly publishers: Publisher[]
  readonly #servers: readonly Server[]

  private constructor(members: Member[], publishers: Publisher[], servers: readonly Server[]) {
    this.members = members
    this.publishers = publishers
    this.#servers = servers
  }

  /** `size` clients, evenly on the nodes and channels; publishers use all nodes, or those that are named. */
  static async gather(scope: Scope, servers: readonly Server[], channels: readonly string[], size: number, through = servers): Promise<Crowd> {
    const members = await Promise.all(
      Array.from({ length: size }, async (_, i) => {
        const server = servers[i % servers.length]!
        const client = new Client(scope, server.websocket, { token: await appToken(`member${i}`) })
        client.centrifuge.connect()
        return new Member(client, channels[Math.floor(i / servers.length) % channels.length]!)
      }),
    )
    await until('everyone to be subscribed', () => members.every((member) => member.subscribed))
    return new Crowd(members, channels.map((channel) => new Publisher(channel, through)), servers)
  }

  each(publish: (publisher: Publisher) => Promise<unknown>): Promise<unknown> {
    return Promise.all(this.publishers.map(publish))
  }

  /** Until a publication that is sent now is acknowledged in every channel. */
  async flows(limitMs = 30_000): Promise<void> {
    await this.each((publisher) => until(`${publisher.channel} to take publications again`, () => publisher.one(), limitMs))
  }

  async stream(channel: string): Promise<Kept[]> {
    // Another node than the publisher's may still be finding its way to the server that has the channel.
    const read = () => done(this.#servers[0]!, 'history', { channel, limit: -1 }).catch(() => undefined)
    const { publications } = await until(`the history of ${channel}`, read)
    return (publications as { data: number; offset: number }[]).map(({ data, offset }) => ({ number: data, offset }))
  }

  /** Waits until everyone has the newest publication, then judges everyone, and prints what it came to. */
  async judge(story: string): Promise<Counts> {
    // One more each, after all that went wrong: it ends the stream, and whoever lost touch has noticed by it.
    await this.flows()
    const counts: Counts = {
      members: this.members.length,
      sent: 0,
      acknowledged: 0,
      uncertain: 0,
      kept: 0,
      delivered: 0,
      recovered: 0,
      told: 0,
      lost: 0,
    }
    const faults: string[] = []
    for (const publisher of this.publishers) {
      const { channel, sent, acknowledged, uncertain } = publisher
      const mine = this.members.filter((member) => member.channel === channel)
      const stream = await this.stream(channel)
      await until(
        `everyone in ${channel} to stand at the stream's end`,
        () => mine.every((member) => member.faults(stream, sent).length === 0),
        20_000,
      ).catch(() => {})
      for (const [index, member] of mine.entries()) {
        faults.push(...member.faults(stream, sent).map((fault) => `${channel}, member ${index}: ${fault}`))
        if (member.ends.length > 0) faults.push(`${channel}, member ${index}: ended with ${JSON.stringify(member.ends)}`)
        counts.delivered += member.numbers.length
        counts.recovered += member.recoveries
        counts.told += member.told
      }
      const kept = new Set(stream.map(({ number }) => number))
      counts.sent += sent.size
      counts.acknowledged += acknowledged.length
      counts.uncertain += uncertain.length
      counts.kept += kept.size
      counts.lost += acknowledged.filter((number) => !kept.has(number)).length
    }
    console.log(`${story}: ${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ')}`)
    assert.deepEqual(faults.slice(0, 10), [], `${faults.length} faults`)
    return counts
  }
}
