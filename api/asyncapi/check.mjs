// Fails if busyhour.yaml is no valid AsyncAPI document.
import { readFile } from 'node:fs/promises'
import { Parser } from '@asyncapi/parser'

const { document, diagnostics } = await new Parser().parse(await readFile(new URL('busyhour.yaml', import.meta.url), 'utf8'))
const wrong = diagnostics.filter((d) => d.severity <= 1)
for (const d of wrong) console.error(`${d.severity === 0 ? 'error' : 'warning'} ${d.path.join('.')}: ${d.message}`)
if (!document || wrong.some((d) => d.severity === 0)) process.exit(1)
console.log(`busyhour.yaml is AsyncAPI ${document.version()}: ${document.allChannels().length} channels, ${document.allMessages().length} messages`)
