import { defineConfig } from 'vite';

// With these two headers, the page may share memory with its workers: checkpoint() then sees a cancel
// in the middle of a loop. Your own server has to send them too.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  build: { outDir: '../../build/gui', emptyOutDir: true },
  worker: { format: 'es' },
  server: { headers },
  preview: { headers },
});
