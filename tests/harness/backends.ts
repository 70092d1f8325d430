// Where the servers under test keep what they know: in files of their own, or – GATECAST_BACKENDS=shared – in one Redis
// and one PostgreSQL of this test process, each server under a prefix and in a database of its own.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { kWholeProcess } from './daemon.ts'
import { startPostgres, type Postgres } from './postgres.ts'
import { startRedis, type Redis } from './redis.ts'
import type { Table } from './toml.ts'

/** Whether this run is on Redis and PostgreSQL. */
export const onShared = process.env.GATECAST_BACKENDS === 'shared'

let redis: Promise<Redis> | undefined
let postgres: Promise<Postgres> | undefined
export const sharedRedis = (): Promise<Redis> => (redis ??= startRedis(kWholeProcess))
export const sharedPostgres = (): Promise<Postgres> => (postgres ??= startPostgres(kWholeProcess))

export interface Backends {
  config: Table
  postgres: Postgres
  database: string
}

/** The configuration's part for one deployment: whoever has it shares everything. */
export async function deployment(on: { postgres: Postgres; broker: string }): Promise<Backends> {
  const database = await on.postgres.database()
  return {
    postgres: on.postgres,
    database,
    config: {
      store: { url: on.postgres.url(database), connections: 4 },
      broker: { url: on.broker, prefix: `${randomBytes(6).toString('hex')}:` },
    },
  }
}

export async function sharedDeployment(): Promise<Backends> {
  const [redis, postgres] = await Promise.all([sharedRedis(), sharedPostgres()])
  return deployment({ postgres, broker: redis.url })
}

/** A store that tests may look into and change by SQL that both kinds understand. */
export interface Rows {
  has(table: string): boolean
  all(sql: string): Record<string, unknown>[]
  run(sql: string): void
}

/** The database file, or the schema in PostgreSQL. */
export function rowsOf(dir: string, backends: Backends | undefined): Rows | undefined {
  if (backends) {
    const { postgres, database } = backends
    if (!postgres.daemon.running) return undefined
    return {
      has: (table) =>
        postgres.rowsNow(`SELECT 1 FROM pg_tables WHERE schemaname = 'gatecast' AND tablename = '${table}'`, database).length > 0,
      all: (sql) => postgres.rowsNow(sql, database),
      run: (sql) => void postgres.runNow(sql, database),
    }
  }
  const file = path.join(dir, 'data/gatecast.db')
  if (!existsSync(file)) return undefined
  const opened = <Value>(use: (database: DatabaseSync) => Value): Value => {
    const database = new DatabaseSync(file)
    try {
      database.exec('PRAGMA busy_timeout = 5000')
      return use(database)
    } finally {
      database.close()
    }
  }
  return {
    has: (table) => opened((database) => database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').all(table).length > 0),
    all: (sql) => opened((database) => database.prepare(sql).all() as Record<string, unknown>[]),
    run: (sql) => opened((database) => database.exec(sql)),
  }
}
