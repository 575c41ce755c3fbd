# One image for gateway and worker; the command chooses: node dist/server.mjs (default) or node dist/worker.mjs. The
# operator's command is node dist/callseal.mjs.
# Target `sandbox` is the local voice cloud, for trying things out without a provider account.

FROM node:24-slim AS development-modules
WORKDIR /app
COPY package.json package-lock.json ./
# Optional packages are the Node that the base image is already, and native speed-ups with pure JavaScript fallbacks.
RUN npm ci --omit=optional --workspaces=false --no-audit --no-fund

FROM node:24-slim AS bundle
WORKDIR /app
COPY package.json package-lock.json ./
# With the optional packages: the bundler is one of them.
RUN npm ci --workspaces=false --no-audit --no-fund
COPY core core
COPY server server
COPY worker worker
COPY bin/callseal.ts bin/
COPY bin/commands bin/commands
COPY tools/build.ts tools/
COPY tools/bundle tools/bundle
RUN node tools/build.ts --out dist

FROM node:24-slim AS sandbox
WORKDIR /app
COPY --from=development-modules /app/node_modules node_modules
COPY package.json LICENSE ./
COPY tools/check-health.mjs tools/
COPY sandbox sandbox
USER node
ENV PORT=4600
EXPOSE 4600
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["node", "tools/check-health.mjs", "/sandbox/healthz"]
CMD ["node", "sandbox/main.ts", "--host", "0.0.0.0", "--port", "4600"]

FROM node:24-slim AS callseal
WORKDIR /app
COPY --from=bundle /app/dist dist
COPY package.json LICENSE ./
COPY tools/check-health.mjs tools/
USER node
ENV NODE_ENV=production PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["node", "tools/check-health.mjs"]
CMD ["node", "dist/server.mjs"]
