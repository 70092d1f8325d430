import { defineConfig } from 'vite'

declare const process: { env: Record<string, string | undefined> }

// Page and server share one origin, as behind nginx (deploy/nginx): no CORS, and the page needs no address of the server.
const target = process.env['GATECAST_URL'] ?? 'http://127.0.0.1:3002'
const proxy = { '/api': { target, xfwd: true }, '/oauth': { target, xfwd: true }, '/connection': { target, xfwd: true, ws: true } }

export default defineConfig({
  // Telegram opens the app under whatever path it is published.
  base: './',
  build: { target: 'es2022', modulePreload: false },
  server: { proxy },
  preview: { proxy },
})
