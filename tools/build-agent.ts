// `npm run build`, its second half: the agent's artifacts into dist/agent, where the bot looks for them.
import { join } from 'node:path';
import { buildArtifacts } from './agent-artifact.ts';

const { version, artifacts } = await buildArtifacts(join(import.meta.dirname, '../dist/agent'));
for (const { file, size, sha256 } of artifacts)
  console.log(`agent ${version}: ${file}, ${(size / 1e6).toFixed(1)} MB, sha256 ${sha256}`);
