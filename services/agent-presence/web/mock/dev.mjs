// npm run dev:mock — the page with hot reload, on the mock.
import { createServer } from "vite";
import { start } from "./server.mjs";

const mock = await start({ port: 8099 });
process.env.BUSYHOUR_URL = mock.url;
const vite = await createServer();
await vite.listen();
vite.printUrls();
console.log(`  mock on ${mock.url}: log in as ann, bob or cleo; faults: curl -X POST ${mock.url}/mock/{drop,gap,silentGap,unverify,verify,going,replace,refuse,hangUp,offer}`);
