// Bundles the terminal's page ahead of time, for the image. A bot without it bundles at its first start.
import { join } from 'node:path';
import { bundlePage } from '../bot/http/page-bundle.ts';

const page = await bundlePage(join(import.meta.dirname, '../dist/page'));
console.log(`page bundled: ${page.assets.size} assets`);
