// The real Prometheus, which scrapes one server every half second, and promtool's check of what it gets.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onEnd, type Scope } from './scope.ts'
import { freePort } from './server.ts'
import { until, within } from './until.ts'

/** Fails with what promtool has to say. */
export function assertCleanMetrics(text: string): void {
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (error) throw new Error(`promtool is missing (./dev setup test): ${error.message}`)
  assert.equal(status, 0, stdout + stderr)
  assert.equal(stdout + stderr, '')
}

export interface Target {
  health: string
  lastError: string
}

export class Prometheus {
  readonly origin: string
  constructor(origin: string) {
    this.origin = origin
  }

  /** The value of an instant query that gives one series, or nothing yet. */
  async value(query: string): Promise<number | undefined> {
    const reply = await fetch(`${this.origin}/api/v1/query?query=${encodeURIComponent(query)}`)
    const { status, data } = (await reply.json()) as { status: string; data: { result: { value: [number, string] }[] } }
    assert.equal(status, 'success')
    return data.result.length === 1 ? Number(data.result[0]!.value[1]) : undefined
  }

  async target(job: string): Promise<Target | undefined> {
    const reply = await fetch(`${this.origin}/api/v1/targets`)
    const { data } = (await reply.json()) as { data: { activeTargets: (Target & { labels: { job: string } })[] } }
    return data.activeTargets.find(({ labels }) => labels.job === job)
  }
}

/** `jobs`: name to address and, where it is needed, the bearer token. */
export async function startPrometheus(scope: Scope, jobs: Record<string, { address: string; token?: string }>): Promise<Prometheus> {
  const dir = mkdtempSync(path.join(tmpdir(), 'gatecast-prometheus-'))
  const port = await freePort()
  const scrapes = Object.entries(jobs).map(([name, { address, token }]) => ({
    job_name: name,
    static_configs: [{ targets: [address] }],
    ...(token ? { authorization: { credentials: token } } : {}),
  }))
  // JSON is YAML.
  const config = { global: { scrape_interval: '500ms', scrape_timeout: '500ms' }, scrape_configs: scrapes }
  writeFileSync(path.join(dir, 'prometheus.yml'), JSON.stringify(config))
  const flags = [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`, `--web.listen-address=127.0.0.1:${port}`]
  const child = spawn('prometheus', flags, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()))
  onEnd(scope, async () => {
    if (child.exitCode === null) child.kill('SIGTERM')
    await within('Prometheus to end', closed)
    rmSync(dir, { recursive: true, force: true })
  })
  const prometheus = new Prometheus(`http://127.0.0.1:${port}`)
  await until('Prometheus to be ready', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${said}`)
    return fetch(`${prometheus.origin}/-/ready`).then((reply) => reply.ok, () => false)
  })
  return prometheus
}
