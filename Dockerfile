# Holdfast in a container: docs/deploy.md says how to run it, tools/container.test.ts checks what stands here.

# The system's Node only installs; what runs is the one that package-lock.json pins.
FROM node:24-slim AS build
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY bin bin
COPY tools/run tools/install.mjs tools/console.mjs tools/
COPY docs/errors.md docs/errors.md
COPY src src
COPY tsconfig.json ./
COPY client client
COPY console console
# the pages are files once they are built: what built them stays here
RUN node tools/console.mjs --strict && rm -rf console/node_modules
# headers, manuals and npm of the pinned Node are half of its size
RUN node tools/install.mjs && rm -rf node_modules/node-linux-*/include node_modules/node-linux-*/share node_modules/node-linux-*/lib
# Nothing can be written here once it runs, so the code is compiled now: half the start time, and a third of the memory.
# The cache belongs to one user id, that of the user who runs.
RUN mkdir node_modules/.holdfast/compile-cache && chown 10001:10001 node_modules/.holdfast/compile-cache
USER 10001:10001
RUN HOLDFAST_DATA=$(mktemp -d) HOLDFAST_PORT=0 timeout --preserve-status 10 bin/holdfast serve >/dev/null

# The same Debian as the image above: the same C library. tools/run needs its sh and cmp, and nothing else of it.
FROM debian:bookworm-slim
COPY --from=build /app /app
RUN install -d -o 10001 -g 10001 -m 0700 /data
WORKDIR /data
USER 10001:10001
ENV NODE_ENV=production HOLDFAST_HOST=0.0.0.0 HOLDFAST_PORT=8080 HOLDFAST_DATA=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["/app/node_modules/.holdfast/node", "-e", "require('node:http').get({port:process.env.HOLDFAST_PORT,path:'/health'},a=>process.exit(a.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
ENTRYPOINT ["/app/bin/holdfast"]
CMD ["serve"]
