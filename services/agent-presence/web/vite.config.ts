import { defineConfig } from "vitest/config";

// Where `npm run dev` finds Busyhour. The Host header is left alone, so that the server's check of Origin holds.
const busyhour = process.env["BUSYHOUR_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: {
      "/ws": { target: busyhour, ws: true },
      "/auth": { target: busyhour },
      "^/busyhour\\..*": { target: busyhour },
    },
  },
  build: {
    outDir: "dist",
    // Empties dist at every build; public/.gitkeep brings back the one file of it that git knows.
    emptyOutDir: true,
    target: "es2022",
    // The page is served with default-src 'self': no data: URLs, no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  test: { include: ["src/**/*.test.ts"] },
});
