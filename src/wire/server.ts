import {
  createServer,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { type AddressInfo, BlockList, isIP, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { readTls, type TlsFiles } from './tls.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  readonly tls?: TlsFiles | undefined;
  /** Serve plain HTTP on an address that is not loopback. */
  readonly plainHttp: boolean;
  readonly log: Logger;
  /** Connections at once, of this process: 10,000 where not given. One more is closed as it comes. */
  readonly maxConnections?: number;
  /** Milliseconds for a TLS handshake: 10 seconds where not given. */
  readonly handshakeTimeout?: number;
}

export interface Listening {
  readonly host: string;
  /** The one that was bound. */
  readonly port: number;
  readonly url: string;
  /** Reads certificate and key again; where they are no good, the old ones stay and the log says so. */
  reload(): void;
  /**
   * Takes no more connections and closes idle ones; requests under way are answered with `Connection: close`.
   * @param grace milliseconds after which what is still open is cut off
   */
  close(grace?: number): Promise<void>;
}

const timeouts: ServerOptions = {
  /** Milliseconds; headers and body of a request. The body's own deadline (wire/body.ts) comes first. */
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
  // Longer than the minute after which load balancers drop an idle connection: they must be the ones to close.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16_384,
  noDelay: true,
};

/** @throws Error where requests and answers would cross a network in plain without anybody having said so */
export function requireSafe({
  host,
  tls,
  plainHttp,
}: Pick<ListenOptions, 'host' | 'tls' | 'plainHttp'>): void {
  if (tls === undefined && !plainHttp && !isLoopback(host)) {
    throw new Error(
      `plain HTTP on \`${host}\` would show keys and signatures to the network: set \`listen.tls\`, or ` +
        '`listen.plainHttp` where something in front ends TLS',
    );
  }
}

/** Serves until closed. @throws Error where the address can't be had or the configuration is not safe */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listening> {
  const { host, tls, plainHttp, log, maxConnections = 10_000, handshakeTimeout = 10_000 } = options;
  requireSafe({ host, tls, plainHttp });
  const server: Server =
    tls === undefined
      ? createServer(timeouts)
      : createTlsServer({ ...readTls(tls), ...timeouts, handshakeTimeout });
  limit(server, maxConnections, log);
  const drain = track(server, handler);
  await bind(server, options);
  const { address, port } = bound(server);
  const shown = isIP(host) === 6 ? `[${host}]` : host;
  return {
    host: address,
    port,
    url: `${tls === undefined ? 'http' : 'https'}://${shown}:${port}`,
    reload() {
      if (tls === undefined || !(server instanceof TlsServer)) return;
      try {
        server.setSecureContext(readTls(tls));
        log.info({ certificateFile: tls.certificateFile }, 'certificate reloaded');
      } catch (error) {
        log.error({ err: error }, 'certificate not reloaded, the one before stays in use');
      }
    },
    close: (grace = 10_000) => drain(grace),
  };
}

/** Closes connections beyond so many as they come, and says so, not more often than every ten seconds. */
function limit(server: Server, maxConnections: number, log: Logger): void {
  let told = Number.NEGATIVE_INFINITY;
  server.maxConnections = maxConnections;
  server.on('drop', () => {
    const now = performance.now();
    if (now - told < 10_000) return;
    told = now;
    log.warn({ maxConnections }, 'too many connections, new ones are closed');
  });
}

/** Hands requests to the handler and remembers which are under way. @returns what closes the server */
function track(server: Server, handler: RequestListener): (grace: number) => Promise<void> {
  /** The newest response of every connection: `Connection: close` belongs on the last. */
  const newest = new Map<Socket, ServerResponse>();
  let closing: Promise<void> | undefined;
  server.on('request', (request, response) => {
    const { socket } = request;
    if (!newest.has(socket)) socket.once('close', () => newest.delete(socket));
    newest.set(socket, response);
    if (closing !== undefined) response.shouldKeepAlive = false;
    handler(request, response);
  });
  return (grace) => {
    closing ??= new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), grace);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const response of newest.values()) if (!response.headersSent) response.shouldKeepAlive = false;
    });
    return closing;
  };
}

function bind(server: Server, { host, port, log }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) =>
      reject(new Error(`can't listen on \`${host}\` port \`${port}\`: ${cause.message}`, { cause }));
    server.once('error', refuse);
    // SO_REUSEPORT: each process has a listening socket of its own, and the kernel spreads connections over them.
    // Connections that a process has not accepted when it dies are reset, and don't hang in another's hands.
    server.listen({ host, port, backlog: 1024, exclusive: true, reusePort: true }, () => {
      server.off('error', refuse);
      // Such as running out of descriptors: it passes, and must not end the process.
      server.on('error', (error) => log.error({ err: error }, 'the listening socket has a problem'));
      resolve();
    });
  });
}

function bound(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server has no port: give `listen.port`');
  return address;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether nobody outside this machine reaches the address. A name other than `localhost` is not trusted to be. */
function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}
