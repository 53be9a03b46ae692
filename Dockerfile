# Coffer with SoftHSM, for development and CI as it stands:
#
#   docker build -t coffer .
#   docker run --read-only --tmpfs /tmp -p 127.0.0.1:8600:8600 -v coffer-data:/data -v coffer-token:/token coffer
#
#   docker run --rm -v coffer-data:/data coffer cat /data/credentials     # the administrator's AWS profile
#
# For production give it a configuration of yours, TLS and your HSM's library, and run the two tiers as two
# containers under two users (docs/production.md):
#
#   docker run … coffer scripts/coffer token --config /etc/coffer/coffer.json
#   docker run … coffer scripts/coffer serve --config /etc/coffer/coffer.json

FROM node:26.10.0-bookworm AS build
WORKDIR /coffer
COPY package.json package-lock.json ./
# The image's own Node runs it, and its headers are at hand: nothing is fetched but the lock file's packages.
RUN npm_config_nodedir=/usr/local npm ci --omit=dev --omit=optional --ignore-scripts \
 && npm_config_nodedir=/usr/local npm rebuild pkcs11js
COPY src ./src
COPY softhsm ./softhsm
COPY scripts ./scripts

FROM node:26.10.0-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends softhsm2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 8600 --create-home coffer \
 && install -d -o coffer -g coffer -m 0700 /data /token
COPY --from=build /coffer /coffer
WORKDIR /coffer
USER coffer
VOLUME ["/data", "/token"]
EXPOSE 8600
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8600/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Plain HTTP inside the container: publish the port on loopback only, or put something that ends TLS in front.
CMD ["scripts/node", "scripts/start.ts", "/data", "--token", "/token", "--host", "0.0.0.0", "--plain-http"]
