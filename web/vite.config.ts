import { defineConfig } from 'vite'

// The pages are carried by the program (cmake/web.cmake). Their policy allows scripts, styles and connections of the
// page's own origin alone, so nothing may be written into the page: no inline script, no data: address. Paths are
// relative, so that the pages work below http.base_path.
export default defineConfig({
  base: './',
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      input: {
        demo: 'demo.html',
        console: 'console.html',
        'jwt-debug': 'test/jwt-debug.html',
        'jwt-websocket': 'test/jwt-websocket.html',
        'jwt-refresh': 'test/jwt-refresh.html',
      },
    },
  },
})
