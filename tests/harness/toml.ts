// A configuration as TOML: tables, arrays of tables, strings, numbers, booleans, arrays of strings and of numbers.
export type Value = string | number | boolean | string[] | number[] | Table | Table[]
export interface Table {
  [key: string]: Value
}

const isTable = (value: Value): value is Table => typeof value === 'object' && !Array.isArray(value)
const isTables = (value: Value): value is Table[] =>
  Array.isArray(value) && value.length > 0 && typeof value[0] === 'object'

export function toToml(table: Table, path: string[] = []): string {
  const lines: string[] = []
  const inner: string[] = []
  for (const [key, value] of Object.entries(table)) {
    const name = [...path, key]
    if (isTable(value)) inner.push(`\n[${name.join('.')}]\n${toToml(value, name)}`)
    else if (isTables(value)) for (const row of value) inner.push(`\n[[${name.join('.')}]]\n${toToml(row, name)}`)
    // JSON's strings and arrays of strings are TOML's.
    else lines.push(`${key} = ${JSON.stringify(value)}`)
  }
  return [...lines, ...inner].join('\n') + '\n'
}

/** `over` laid over `base`: tables are merged, everything else is replaced. */
export function merged(base: Table, over: Table): Table {
  const result: Table = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const old = result[key]
    result[key] = old !== undefined && isTable(old) && isTable(value) ? merged(old, value) : value
  }
  return result
}
