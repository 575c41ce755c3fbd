# One image for gateway and worker; the command chooses: node server/main.ts (default) or node worker/main.ts.
# Target `sandbox` is the local voice cloud, for trying things out without a provider account.

FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
# Optional packages are the Node that the base image is already, and native speed-ups with pure JavaScript fallbacks.
RUN npm ci --omit=dev --omit=optional --workspaces=false --no-audit --no-fund

FROM modules AS development-modules
RUN npm ci --omit=optional --workspaces=false --no-audit --no-fund

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
COPY --from=modules /app/node_modules node_modules
COPY package.json LICENSE ./
COPY tools/check-health.mjs tools/
COPY core core
COPY server server
COPY worker worker
COPY bin/callseal.ts bin/
COPY bin/commands bin/commands
USER node
ENV NODE_ENV=production PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["node", "tools/check-health.mjs"]
CMD ["node", "server/main.ts"]
