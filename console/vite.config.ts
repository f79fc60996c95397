import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  resolve: {
    alias: { util: fileURLToPath(new URL('src/node-util.ts', import.meta.url)) },
    dedupe: ['openapi-fetch', 'ot-json1', 'react', 'react-dom', 'sharedb'],
  },
  build: { target: 'es2022', assetsInlineLimit: 0, sourcemap: false, chunkSizeWarningLimit: 900, modulePreload: { polyfill: false } },
  server: { proxy: { '/v1': 'http://127.0.0.1:8080', '/health': 'http://127.0.0.1:8080' } },
})
