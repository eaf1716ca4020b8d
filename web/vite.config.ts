import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** Where a server runs while the console is worked on with `vite web`. */
const SERVER = 'http://127.0.0.1:4700'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2024', modulePreload: { polyfill: false } },
  server: { proxy: { '/api': SERVER } },
})
