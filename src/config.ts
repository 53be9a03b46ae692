import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';

const path = z.string().min(1);

const tokenSchema = z
  .strictObject({
    /** The PKCS#11 library. */
    module: path,
    /** The token, by its label or by its serial number: slot numbers change. */
    label: z.string().min(1).optional(),
    serial: z.string().min(1).optional(),
    /** A file that holds the user PIN, mode 0600 or stricter. */
    pinFile: path.optional(),
    /** Or an open descriptor to read it from, once, at start. */
    pinDescriptor: z.int().min(3).optional(),
    /** Set for the hosts alone: what the library wants to find there (`SOFTHSM2_CONF`). */
    environment: z.record(z.string(), z.string()).default({}),
    /** `libraryParameters` of C_Initialize, for libraries that take them (NSS). */
    libraryParameters: z.string().optional(),
    /** Where the hosts' sockets and the attach secret are made; mode 0700, or 0750 with `socketGroup`. */
    socketFolder: path.default('token'),
    /** The group (name or number) that may attach, where the API tier has a user of its own. */
    socketGroup: z.union([z.string().min(1), z.int().min(0)]).optional(),
    /** How many hosts, each with one call in flight. */
    hosts: z.int().min(1).max(64).default(2),
    /** After this long in one PKCS#11 call a host is killed and replaced. */
    deadlineMilliseconds: z.int().min(100).max(600_000).default(5_000),
    /**
     * Whether a host may take the padding off what the token decrypts with plain RSA, where the token can't do
     * RSAES_OAEP_SHA_256 itself. Forbidden, such keys have RSAES_OAEP_SHA_1 alone.
     */
    hostOaep: z.boolean().default(true),
    /**
     * Whether a host may unwrap imported key material in its own memory, where the token can't: forbidden, such an import
     * is refused.
     */
    hostUnwrap: z.boolean().default(false),
    /** Whether `coffer serve` starts the token tier itself, under its own user: for development. */
    start: z.boolean().default(false),
  })
  .refine((token) => (token.label === undefined) !== (token.serial === undefined), {
    message: 'name the token by `label` or by `serial`, one of the two',
  })
  .refine((token) => (token.pinFile === undefined) !== (token.pinDescriptor === undefined), {
    message: 'give the PIN by `pinFile` or by `pinDescriptor`, one of the two',
  })
  .refine((token) => !(token.start && token.pinDescriptor !== undefined), {
    message: '`pinDescriptor` is for `coffer token`: with `start` give a `pinFile`',
  });

const schema = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/, 'a region looks like `us-east-1`')
    .default('us-east-1'),
  listen: z
    .strictObject({
      host: z.string().min(1).default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(8600),
      tls: z.strictObject({ certificateFile: path, keyFile: path }).optional(),
      /** Serve plain HTTP on an address that is not loopback: only behind something that ends TLS. */
      plainHttp: z.boolean().default(false),
    })
    .prefault({}),
  /** API processes. */
  workers: z.int().min(1).max(256).default(availableParallelism()),
  store: z.strictObject({ file: path.default('store/coffer.db') }).prefault({}),
  trail: z
    .strictObject({
      folder: path.default('trail'),
      /** A file of the trail is closed and the next begun at this size. */
      segmentBytes: z
        .int()
        .min(4_096)
        .default(256 * 1024 * 1024),
      /** Where signed checkpoints are kept out of reach of who can change the trail. */
      anchor: z
        .strictObject({
          /** A file on another mount, whose folder must be there. */
          file: path.optional(),
          /** Each checkpoint is sent there by POST. */
          webhook: z.url({ protocol: /^https$/, error: 'a webhook is an `https:` URL' }).optional(),
        })
        .prefault({}),
    })
    .prefault({}),
  token: tokenSchema,
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    })
    .prefault({}),
});

export type Config = z.infer<typeof schema>;
export type TokenConfig = Config['token'];

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads and checks a configuration file (JSON). Relative paths in it are relative to its folder.
 * @throws ConfigError with the file, the member and what is wrong
 */
export function readConfig(file: string): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`can't read the configuration \`${file}\`: name one with --config`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`the configuration \`${file}\` is not JSON: ${String(cause)}`, { cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `\`${issue.path.join('.') || '(all)'}\`: ${issue.message}`,
    );
    throw new ConfigError(`the configuration \`${file}\` is wrong at ${problems.join('; ')}`);
  }
  const from = (given: string) => resolve(dirname(file), given);
  const { listen, store, trail, token } = parsed.data;
  return {
    ...parsed.data,
    listen: {
      ...listen,
      ...(listen.tls && {
        tls: { certificateFile: from(listen.tls.certificateFile), keyFile: from(listen.tls.keyFile) },
      }),
    },
    store: { file: from(store.file) },
    trail: {
      ...trail,
      folder: from(trail.folder),
      anchor: { ...trail.anchor, ...(trail.anchor.file && { file: from(trail.anchor.file) }) },
    },
    token: {
      ...token,
      module: token.module.includes('/') ? from(token.module) : token.module,
      socketFolder: from(token.socketFolder),
      ...(token.pinFile && { pinFile: from(token.pinFile) }),
    },
  };
}
