# The bot, without root. Built in two steps, so that the image holds no build cache.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json app.yml slack.yml ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY bot bot
COPY agent agent
COPY web-terminal web-terminal
COPY migrations migrations
COPY tools tools
# The page, and the agent for both processors with its own Node; of that only the archives stay: the bot runs on the Node
# of the image. The folder is made for its owner alone; the bot runs as somebody else.
RUN node tools/bundle.ts && node tools/build-agent.ts && chmod -R a+rX dist \
 && rm -rf dist/agent/packages node_modules/node-linux-* node_modules/.bin/node

FROM node:24-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends git ca-certificates tini \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir /data && chown node:node /data
WORKDIR /app
COPY --from=build /app /app
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 3000}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# tini reaps what local nodes leave behind and passes SIGTERM on.
ENTRYPOINT ["tini", "--", "node", "bot/main.ts"]
