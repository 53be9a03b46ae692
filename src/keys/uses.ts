import type { Scope } from '../arn.ts';
import type { Key } from './key.ts';

/** The operations of which a key's last is told (AWS KMS API reference, GetKeyLastUsage). */
export const trackedOperations = [
  'Decrypt',
  'DeriveSharedSecret',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateMac',
  'ReEncrypt',
  'Sign',
  'Verify',
  'VerifyMac',
] as const;

const tracked: ReadonlySet<string> = new Set(trackedOperations);

/** The last time that something succeeded with a key. */
export interface LastUse {
  readonly operation: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Of the trail's record. */
  readonly eventId: string;
  readonly requestId: string;
}

export interface KeyUse extends Scope, LastUse {
  readonly keyId: string;
}

/** What the store knows of it. */
export interface UseReader {
  findLastUse(scope: Scope, keyId: string): Promise<LastUse | undefined>;
  /** When uses were first kept: milliseconds since the epoch. */
  usesTrackedSince(): Promise<number>;
}

/**
 * The last uses of keys in a process. They are kept in memory, so that a request costs no write of the store, and
 * handed over now and then: a process that dies takes with it what it hasn't handed over, and only that. The trail has
 * every use.
 */
export class KeyUses {
  readonly #reader: UseReader;
  readonly #gather: () => Promise<void>;
  /** By region and key id. */
  #uses = new Map<string, Map<string, KeyUse>>();

  /** @param gather resolves when the store has what every process has taken note of before */
  constructor(reader: UseReader, gather: () => Promise<void>) {
    this.#reader = reader;
    this.#gather = gather;
  }

  static tracks(operation: string): boolean {
    return tracked.has(operation);
  }

  note({ region, account, keyId }: Key, { operation, at, eventId, requestId }: LastUse): void {
    let uses = this.#uses.get(region);
    if (uses === undefined) {
      uses = new Map();
      this.#uses.set(region, uses);
    }
    uses.set(keyId, { region, account, keyId, operation, at, eventId, requestId });
  }

  /** All that was noted since this was last asked. */
  take(): KeyUse[] {
    const uses = [...this.#uses.values()].flatMap((ofRegion) => [...ofRegion.values()]);
    this.#uses = new Map();
    return uses;
  }

  /** @returns the last use by any process, and since when uses are known of */
  async last(key: Key): Promise<{ readonly use: LastUse | undefined; readonly since: number }> {
    await this.#gather();
    const use = await this.#reader.findLastUse(key, key.keyId);
    return { use, since: Math.max(key.createdAt, await this.#reader.usesTrackedSince()) };
  }
}
