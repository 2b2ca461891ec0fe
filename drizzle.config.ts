// How `npm run migration` makes migrations/ from the schema.
import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './bot/database/schema.ts',
  out: './migrations',
});
