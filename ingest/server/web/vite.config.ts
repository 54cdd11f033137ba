/// <reference types="vitest/config" />
import { defineConfig } from 'vite';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // Every file stays a file of its own, so that the page obeys a self-only content policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // MapLibre is one lazy chunk of about a megabyte; anything else that grows is worth a warning.
    chunkSizeWarningLimit: 1200,
  },
  server: {
    proxy: { '/api': 'http://127.0.0.1:8080', '/cap': 'http://127.0.0.1:8080' },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
