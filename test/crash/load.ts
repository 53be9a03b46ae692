/** Concurrent clients, each with keys and aliases of its own, that note what they are told. */
import { randomBytes } from 'node:crypto';
import type { KMS } from '@aws-sdk/client-kms';
import type { AliasFact, Facts, KeyFact, State } from './facts.ts';

export interface Load {
  /** Ends it: no request is begun any more. Resolves when those under way have ended, one way or the other. */
  stop(): Promise<void>;
  /** Resolves when every actor has ended: stopped, or with a request that got no answer. */
  readonly ended: Promise<void>;
}

interface Told {
  readonly $metadata: { readonly requestId?: string | undefined };
}

/** No answer came: whether it was done is unknown. */
class Unanswered extends Error {}
/** An answer came, and it was an error: nothing was changed. */
class Refused extends Error {}

/** A rotation that died without all else dying keeps others out for a while. */
const expected: Record<string, readonly string[]> = {
  RotateKeyOnDemand: ['ConflictException', 'LimitExceededException'],
};

let names = 0;
function unique(prefix: string): string {
  names += 1;
  return `${prefix} ${names}`;
}

/**
 * @param random decides what is done
 * @param refusals names of errors that may be answered; any other ends the load with an error
 */
export function startLoad(
  client: KMS,
  facts: Facts,
  random: () => number,
  options: { actors: number; refusals: readonly string[] },
): Load {
  let stopping = false;

  /** Sends one request and notes its request id. */
  async function ask<T extends Told>(operation: string, request: () => Promise<T>): Promise<T> {
    try {
      const answer = await request();
      note(answer, operation, undefined);
      return answer;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!told(error) || error.$metadata.requestId === undefined) {
        facts.unanswered += 1;
        throw new Unanswered();
      }
      note(error, operation, error.name);
      if (!options.refusals.includes(error.name) && !expected[operation]?.includes(error.name)) {
        throw new Error(`${operation} was refused: ${error.name}: ${error.message}`);
      }
      throw new Refused();
    }
  }

  function note({ $metadata }: Told, operation: string, error: string | undefined): void {
    const { requestId } = $metadata;
    if (requestId === undefined) throw new Error(`an answer to ${operation} has no request id`);
    if (facts.answered.has(requestId)) throw new Error(`two answers have the request id ${requestId}`);
    facts.answered.set(requestId, { operation, error });
  }

  /** What is there already is shared out, so that no two actors touch the same. */
  const share = <T>(all: Iterable<T>, number: number) =>
    [...all].filter((_, index) => index % options.actors === number);

  async function actor(number: number): Promise<void> {
    const keys = share(facts.keys.values(), number);
    const aliases = share(facts.aliases.values(), number);
    const usable = () => keys.filter(({ states }) => states.length === 1 && states[0] === 'Enabled');
    const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];

    const createKey = async () => {
      const description = unique('load');
      const made = await ask('CreateKey', () => client.createKey({ Description: description }));
      const keyId = made.KeyMetadata?.KeyId ?? '';
      const key: KeyFact = { keyId, states: ['Enabled'], description: [description] };
      facts.keys.set(keyId, key);
      keys.push(key);
    };

    /** What may be true while nobody has answered, what is once somebody has. */
    const become = async (key: KeyFact, to: State, operation: string, request: () => Promise<Told>) => {
      const before = key.states;
      key.states = [...before, to];
      try {
        await ask(operation, request);
        key.states = [to];
      } catch (error) {
        if (error instanceof Refused) key.states = before;
        throw error;
      }
    };

    const encrypt = async ({ keyId }: KeyFact) => {
      const plaintext = randomBytes(1 + Math.floor(random() * 64));
      const context = { key: keyId };
      const request = { KeyId: keyId, Plaintext: plaintext, EncryptionContext: context };
      const { CiphertextBlob: blob = new Uint8Array() } = await ask('Encrypt', () => client.encrypt(request));
      facts.ciphertexts.push({ keyId, blob, plaintext, context });
    };

    const dataKey = async ({ keyId }: KeyFact) => {
      const request = { KeyId: keyId, KeySpec: 'AES_256' } as const;
      const { CiphertextBlob: blob = new Uint8Array(), Plaintext: plaintext } =
        random() < 0.5
          ? await ask('GenerateDataKey', () => client.generateDataKey(request))
          : {
              ...(await ask('GenerateDataKeyWithoutPlaintext', () =>
                client.generateDataKeyWithoutPlaintext(request),
              )),
              Plaintext: undefined,
            };
      facts.ciphertexts.push({ keyId, blob, plaintext, context: {} });
    };

    const createAlias = async ({ keyId }: KeyFact) => {
      const aliasName = unique('alias/load').replace(' ', '/');
      const alias: AliasFact = { aliasName, target: keyId, existence: ['there', 'gone'] };
      facts.aliases.set(aliasName, alias);
      aliases.push(alias);
      try {
        await ask('CreateAlias', () => client.createAlias({ AliasName: aliasName, TargetKeyId: keyId }));
        alias.existence = ['there'];
      } catch (error) {
        if (error instanceof Refused) alias.existence = ['gone'];
        throw error;
      }
    };

    const deleteAlias = async (alias: AliasFact) => {
      const before = alias.existence;
      alias.existence = [...before, 'gone'];
      try {
        await ask('DeleteAlias', () => client.deleteAlias({ AliasName: alias.aliasName }));
        alias.existence = ['gone'];
      } catch (error) {
        if (error instanceof Refused) alias.existence = before;
        throw error;
      }
    };

    const describe = async (key: KeyFact) => {
      const Description = unique('told');
      const before = key.description;
      key.description = [...before, Description];
      try {
        await ask('UpdateKeyDescription', () =>
          client.updateKeyDescription({ KeyId: key.keyId, Description }),
        );
        key.description = [Description];
      } catch (error) {
        if (error instanceof Refused) key.description = before;
        throw error;
      }
    };

    const rotate = async ({ keyId: KeyId }: KeyFact) => {
      await ask('RotateKeyOnDemand', () => client.rotateKeyOnDemand({ KeyId }));
    };

    const step = async () => {
      const key = pick(usable());
      const dice = random();
      if (key === undefined || dice < 0.1) return createKey();
      const KeyId = key.keyId;
      if (dice < 0.25) return encrypt(key);
      if (dice < 0.35) return dataKey(key);
      if (dice < 0.6) return createAlias(key);
      if (dice < 0.8) {
        const alias = pick(
          aliases.filter(({ existence }) => existence.length === 1 && existence[0] === 'there'),
        );
        return alias === undefined ? createAlias(key) : deleteAlias(alias);
      }
      if (dice < 0.88) return describe(key);
      if (dice < 0.92) return rotate(key);
      if (dice < 0.94) {
        return become(key, 'PendingDeletion', 'ScheduleKeyDeletion', () =>
          client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 }),
        );
      }
      await become(key, 'Disabled', 'DisableKey', () => client.disableKey({ KeyId }));
      return become(key, 'Enabled', 'EnableKey', () => client.enableKey({ KeyId }));
    };

    while (!stopping) {
      try {
        await step();
      } catch (error) {
        if (error instanceof Unanswered) return;
        if (!(error instanceof Refused)) throw error;
      }
    }
  }

  const ended = Promise.all(Array.from({ length: options.actors }, (_, number) => actor(number))).then(
    () => undefined,
  );
  // It is awaited after the kill, and may have failed before.
  ended.catch(() => undefined);
  return {
    ended,
    stop() {
      stopping = true;
      return ended;
    },
  };
}

function told(error: Error): error is Error & Told {
  return '$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null;
}
