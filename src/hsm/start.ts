/** What passes between the supervisor and a host: one message down on stdin, lines of JSON up on a pipe. */

/** Everything of a host's start that is no secret. */
export interface StartOptions {
  readonly module: string;
  readonly label?: string | undefined;
  readonly serial?: string | undefined;
  readonly libraryParameters?: string | undefined;
  readonly socketPath: string;
  /** The socket's mode and, where the API tier has a user of its own, its group. */
  readonly socketMode: number;
  readonly socketGroup?: number | undefined;
  readonly deadlineMilliseconds: number;
  /** Whether this host may take OAEP's padding off, where the token can't. */
  readonly hostOaep: boolean;
  /** Whether this host may unwrap imported material in its own memory, where the token can't. */
  readonly hostUnwrap: boolean;
  /** How often this host has been started again. */
  readonly restarts: number;
  /** Whether the tier is only starting: then a token that isn't there ends it. */
  readonly first: boolean;
}

export interface Start {
  readonly options: StartOptions;
  readonly pin: Buffer;
  readonly attachSecret: Buffer;
}

export type HostMessage =
  | { readonly type: 'heartbeat' }
  /** The watchdog ends the host after so long in one call. */
  | { readonly type: 'deadline'; readonly milliseconds: number }
  /** The host waits for its turn to log in: one byte down the same pipe. */
  | { readonly type: 'login' }
  /** Its turn is over, and the PIN was right. */
  | { readonly type: 'logged-in' }
  /** A client wants the host that makes what takes long. */
  | { readonly type: 'wake' }
  /** The host listens. */
  | { readonly type: 'ready' }
  /** The host ends, and starting it again does harm or no good. */
  | { readonly type: 'fatal'; readonly message: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string };

/** Ends a host: none of the signals that a service manager or a terminal sends to every process of a service. */
export const endSignal = 'SIGUSR2';
/** The host's descriptor of the pipe to the supervisor. */
export const hostPipe = 3;
/** EX_CONFIG: the operator must change something first. */
export const fatalExitCode = 78;
/** EX_TEMPFAIL: the token isn't there; the same start may do later. */
export const absentExitCode = 75;

/** Length 4 B ‖ JSON, length 4 B ‖ PIN, length 4 B ‖ attach secret. The caller zeroes it. */
export function encodeStart(start: Start): Buffer {
  return encodeParts([Buffer.from(JSON.stringify(start.options), 'utf8'), start.pin, start.attachSecret]);
}

/** @returns `undefined` while there is not all of it */
export function decodeStart(bytes: Buffer): Start | undefined {
  const [json, pin, attachSecret] = decodeParts(bytes, 3) ?? [];
  if (!json || !pin || !attachSecret) return undefined;
  const options: StartOptions = JSON.parse(json.toString('utf8'));
  return { options, pin, attachSecret };
}

/** Each after its length, 4 B. */
export function encodeParts(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, part];
    }),
  );
}

/** @returns `undefined` while there are not all of them */
export function decodeParts(bytes: Buffer, count: number): Buffer[] | undefined {
  const parts: Buffer[] = [];
  let offset = 0;
  while (parts.length < count) {
    if (bytes.length < offset + 4) return undefined;
    const end = offset + 4 + bytes.readUInt32BE(offset);
    if (bytes.length < end) return undefined;
    parts.push(Buffer.from(bytes.subarray(offset + 4, end)));
    offset = end;
  }
  return parts;
}
