import { keyArn, type Scope } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { MaterialRef } from './hsm.ts';
import type { Key } from './key.ts';
import { awaitsImport } from './state.ts';

/**
 * How often a key material may encrypt. Under AES-GCM with random 96-bit IVs no more than 2^32 times in all (NIST SP
 * 800-38D §8.3), whichever of our processes do it.
 */
export const encryptionLimit = 2 ** 32;
/** Where a key rotates by itself: half of it is left for the time until it has. */
export const wornAtEncryptions = 2 ** 31;

/** Encryptions that a process reserves of a material first: most keys are used little before the next start. */
const firstBlock = 2 ** 12;
/** Each block is so much larger than the one before. */
const growth = 2 ** 4;
const largestBlock = 2 ** 20;
/** Materials whose block is remembered: more than are in use. What is left of a forgotten one counts as used. */
const remembered = 100_000;

/** Where encryptions are counted for good. */
export interface EncryptionCounts {
  /**
   * Adds to the count of a material, before they are made.
   * @returns false where its limit would be passed, and then nothing was added
   */
  reserve(material: Scope & MaterialRef, encryptions: number): Promise<boolean>;
}

interface Block {
  left: number;
  /** Of the block that was reserved last. */
  size: number;
  reserving: Promise<boolean> | undefined;
}

/**
 * Counts the encryptions of one process. It reserves a block of the count ahead of time and spends it without asking
 * anybody: the count survives a crash and never understates, and a request waits for it only where the process has
 * not encrypted under the material before.
 */
export class Encryptions {
  readonly #counts: EncryptionCounts;
  readonly #blocks = new Map<string, Block>();

  constructor(counts: EncryptionCounts) {
    this.#counts = counts;
  }

  /**
   * Counts one encryption under the current material of a symmetric key.
   * @returns `undefined` where it may be made at once; else to be awaited before it is made
   * @throws KmsError KMSInvalidStateException (the promise rejects) where the material has encrypted enough
   */
  spend(key: Key): Promise<void> | undefined {
    const { currentMaterialId: materialId } = key;
    if (materialId === undefined) return Promise.reject(awaitsImport(keyArn(key, key.keyId)));
    const block = this.#blocks.get(materialId) ?? this.#remember(materialId);
    if (block.left === 0) return this.#wait(key, materialId, block);
    block.left -= 1;
    // Early enough that the next block is there before this one is spent.
    if (block.left === block.size >> 2) this.#reserve(key, materialId, block).catch(() => undefined);
    return undefined;
  }

  async #wait(key: Key, materialId: string, block: Block): Promise<void> {
    while (block.left === 0) {
      if (!(await this.#reserve(key, materialId, block))) {
        throw new KmsError(
          'KMSInvalidStateException',
          `${keyArn(key, key.keyId)} has encrypted as often as its key material may: ${
            key.origin === 'EXTERNAL' ? 'import new key material and rotate the key' : 'rotate the key'
          }.`,
        );
      }
    }
    block.left -= 1;
  }

  #reserve({ region, account, keyId }: Key, materialId: string, block: Block): Promise<boolean> {
    block.reserving ??= (async () => {
      const size = block.size === 0 ? firstBlock : Math.min(block.size * growth, largestBlock);
      try {
        const reserved = await this.#counts.reserve({ region, account, keyId, materialId }, size);
        if (reserved) {
          block.left += size;
          block.size = size;
        }
        return reserved;
      } finally {
        block.reserving = undefined;
      }
    })();
    return block.reserving;
  }

  #remember(materialId: string): Block {
    const block: Block = { left: 0, size: 0, reserving: undefined };
    if (this.#blocks.size >= remembered) {
      const [oldest] = this.#blocks.keys();
      if (oldest !== undefined) this.#blocks.delete(oldest);
    }
    this.#blocks.set(materialId, block);
    return block;
  }
}
