// Where tokens are kept between visits.
import { inPage } from './page.ts'

/** Like localStorage; each call may also answer with a promise. */
export interface TokenStorage {
  getItem(key: string): string | null | Promise<string | null>
  setItem(key: string, value: string): void | Promise<void>
  removeItem(key: string): void | Promise<void>
}

export function memoryStorage(): TokenStorage {
  const items = new Map<string, string>()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}

/** localStorage where the page may use it: a sandboxed frame or blocked cookies make the very mention throw. */
export function localStorageOr(fallback: () => TokenStorage): TokenStorage {
  try {
    // Node from version 22 on has one too, which without a file of its own refuses to store.
    if (!inPage()) return fallback()
    const probe = 'gatecast:probe'
    window.localStorage.setItem(probe, '1')
    window.localStorage.removeItem(probe)
    return window.localStorage
  } catch {
    return fallback()
  }
}

export const isLocalStorage = (storage: TokenStorage): boolean => {
  try {
    return typeof window !== 'undefined' && storage === window.localStorage
  } catch {
    return false
  }
}
