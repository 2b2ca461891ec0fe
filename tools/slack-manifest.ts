// `npm run slack-manifest`: slack.yml with this bot's addresses, as JSON that Slack takes. Reads BASE_URL and SLACK_COMMAND, here or in .env;
// with SLACK_APP_TOKEN set, or `-- --socket`, it is for Socket Mode.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readManifest } from '../bot/chat/slack/install/manifest.ts';

const { values } = parseArgs({ options: { socket: { type: 'boolean', default: false } } });
// As `npm start` does.
if (existsSync('.env')) process.loadEnvFile('.env');
const baseUrl = (process.env['BASE_URL'] ?? '').trim().replace(/\/$/, '');
const overSocket = values.socket || Boolean(process.env['SLACK_APP_TOKEN']?.trim());

if (!URL.canParse(baseUrl) || new URL(baseUrl).pathname !== '/') {
  console.error('BASE_URL is missing: BASE_URL=https://sam.example.com npm run --silent slack-manifest');
  process.exitCode = 1;
} else {
  const command = process.env['SLACK_COMMAND']?.trim() || '/sam';
  console.log(JSON.stringify(await readManifest({ baseUrl, command, overSocket }), null, 2));
}
