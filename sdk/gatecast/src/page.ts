// Whether there is a page around us: not in Node, and not where `window` is only a name.
export const inPage = (): boolean => typeof window !== 'undefined' && typeof window.addEventListener === 'function' && typeof document !== 'undefined'
