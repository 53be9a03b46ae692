/** The Hsm port over the hosts' sockets. */
import type { Logger } from 'pino';
import { encodeEcdsa } from '../der.ts';
import { headerBytes, isCiphertext } from '../keys/ciphertext.ts';
import {
  type Hsm,
  HsmError,
  type HsmHealth,
  type MaterialRef,
  type TokenIdentity,
  type TokenObject,
} from '../keys/hsm.ts';
import { KeyClient, refuse, type Where } from './client-key.ts';
import type { Connection } from './connection.ts';
import type { FrameWriter } from './frame.ts';
import { Pool } from './pool.ts';
import { Probes } from './probes.ts';
import {
  operationCodes as codes,
  contextLimit,
  isCheckpoint,
  isTrailMacInput,
  plaintextLimit,
  randomLimit,
  sealedBytes,
  severalFactor,
} from './request.ts';
import {
  type ReadResult,
  readBoolean,
  readBytes,
  readDataKey,
  readJson,
  readNothing,
  readSecret,
} from './result.ts';

export interface ClientOptions {
  readonly socketFolder: string;
  readonly hosts: number;
  /** As the supervisor's: what a host's call may take. A request settles a second of queueing later at the latest. */
  readonly deadlineMilliseconds: number;
  readonly log: Logger;
}

/** Attaches to every host; connects again by itself whenever a connection is lost. */
export function connectHsm(options: ClientOptions): Hsm {
  return new Client(options);
}

const queueingMilliseconds = 1_000;

interface Swept {
  destroyed: number;
  waitMilliseconds: number;
}

class Client extends KeyClient implements Hsm {
  readonly #pool: Pool;
  readonly #probes: Probes;
  readonly #deadline: number;

  constructor({ socketFolder, hosts, deadlineMilliseconds, log }: ClientOptions) {
    super();
    this.#deadline = deadlineMilliseconds + queueingMilliseconds;
    this.#probes = new Probes(hosts, this.#deadline);
    this.#pool = new Pool({
      socketFolder,
      hosts,
      log,
      ask: (connection, index) => void this.#probes.ask(connection, index),
    });
  }

  destroyKey(material: MaterialRef): Promise<boolean> {
    return this.send(codes.destroyKey, 32, (writer) => writer.material(material), readBoolean, 'keeper');
  }

  encrypt(material: MaterialRef, context: Buffer, plaintext: Buffer): Promise<Buffer> {
    const { length } = plaintext;
    if (length < 1 || length > plaintextLimit) return refuse(`a plaintext of ${length} bytes`);
    if (context.length > contextLimit) return refuse(`a context of ${context.length} bytes`);
    return this.send(
      codes.encrypt,
      36 + context.length + length,
      (writer) => {
        writer.material(material);
        writer.u32(context.length);
        writer.bytes(context);
        writer.bytes(plaintext);
      },
      readBytes,
    );
  }

  decrypt(blob: Buffer, context: Buffer): Promise<Buffer> {
    const problem = sealedProblem(blob, context);
    if (problem !== undefined) return Promise.reject(problem);
    return this.send(
      codes.decrypt,
      sealedBytes(blob, context),
      (writer) => writeSealed(writer, blob, context),
      readBytes,
    );
  }

  reEncrypt(
    blob: Buffer,
    sourceContext: Buffer,
    destination: MaterialRef,
    destinationContext: Buffer,
  ): Promise<Buffer> {
    const problem = sealedProblem(blob, sourceContext);
    if (problem !== undefined) return Promise.reject(problem);
    if (destinationContext.length > contextLimit)
      return refuse(`a context of ${destinationContext.length} bytes`);
    return this.send(
      codes.reEncrypt,
      36 + destinationContext.length + sealedBytes(blob, sourceContext),
      (writer) => {
        writer.material(destination);
        writer.u32(destinationContext.length);
        writer.bytes(destinationContext);
        writeSealed(writer, blob, sourceContext);
      },
      readBytes,
    );
  }

  generateDataKey(
    material: MaterialRef,
    context: Buffer,
    length: number,
  ): Promise<{ plaintext: Buffer; blob: Buffer }> {
    return this.#dataKey(codes.generateDataKey, material, context, length, readDataKey);
  }

  generateDataKeyWithoutPlaintext(material: MaterialRef, context: Buffer, length: number): Promise<Buffer> {
    return this.#dataKey(codes.generateDataKeyWithoutPlaintext, material, context, length, readBytes);
  }

  #dataKey<T>(
    code: number,
    material: MaterialRef,
    context: Buffer,
    length: number,
    read: ReadResult<T>,
  ): Promise<T> {
    if (!isRandomLength(length)) return refuse(`a data key of ${length} bytes`);
    if (context.length > contextLimit) return refuse(`a context of ${context.length} bytes`);
    return this.send(
      code,
      34 + context.length,
      (writer) => {
        writer.material(material);
        writer.u16(length);
        writer.bytes(context);
      },
      read,
    );
  }

  random(length: number): Promise<Buffer> {
    if (!isRandomLength(length)) return refuse(`${length} random bytes`);
    return this.send(codes.random, 2, (writer) => writer.u16(length), readBytes);
  }

  trailMac(data: Buffer): Promise<Buffer> {
    if (!isTrailMacInput(data)) return refuse('data for a MAC but a group of a trail');
    return this.send(codes.trailMac, data.length, (writer) => writer.bytes(data), readBytes);
  }

  async trailSign(data: Buffer): Promise<Buffer> {
    if (!isCheckpoint(data)) return refuse('data to sign but a checkpoint of a trail');
    return encodeEcdsa(
      await this.send(codes.trailSign, data.length, (writer) => writer.bytes(data), readBytes),
    );
  }

  trailPublicKey(): Promise<Buffer> {
    return this.send(codes.trailPublicKey, 0, writeNothing, readBytes);
  }

  createAccessKeySecret(aad: Buffer): Promise<{ secret: Buffer; sealed: Buffer }> {
    if (!isAad(aad)) return refuse(`additional data of ${aad.length} bytes`);
    return this.send(codes.createAccessKeySecret, aad.length, (writer) => writer.bytes(aad), readSecret);
  }

  deriveSigningKey(
    aad: Buffer,
    sealed: Buffer,
    date: string,
    region: string,
    service: string,
  ): Promise<Buffer> {
    if (!isAad(aad)) return refuse(`additional data of ${aad.length} bytes`);
    if (sealed.length < 29 || sealed.length > 512) return refuse(`a sealed secret of ${sealed.length} bytes`);
    const fields = [aad, sealed, Buffer.from(date), Buffer.from(region), Buffer.from(service)];
    const size = fields.reduce((sum, field) => sum + 2 + field.length, 0);
    if (fields.some((field) => field.length > 1024)) return refuse('a scope longer than 1024 bytes');
    return this.send(
      codes.deriveSigningKey,
      size,
      (writer) => {
        for (const field of fields) {
          writer.u16(field.length);
          writer.bytes(field);
        }
      },
      readBytes,
    );
  }

  async checkHealth(): Promise<HsmHealth> {
    const hosts = await Promise.all(
      this.#pool.connections.map(async (connection, index) => {
        const problem = connection.attached ? await this.#probes.ask(connection, index) : 'not connected';
        const { attached: connected } = connection;
        return { index, connected, problem, restarts: this.#probes.restarts(index) };
      }),
    );
    return { hosts };
  }

  identity(): Promise<TokenIdentity> {
    return this.send(codes.identity, 0, writeNothing, readJson<TokenIdentity>, 'keeper', severalFactor);
  }

  async claim(storeId: string): Promise<void> {
    if (!/^[0-9a-f]{32}$/.test(storeId)) return refuse(`a store id \`${storeId}\``);
    const id = Buffer.from(storeId, 'hex');
    await this.send(codes.claim, 16, (writer) => writer.bytes(id), readNothing, 'keeper', severalFactor);
  }

  destroyShells(): Promise<{ destroyed: number; waitMilliseconds: number }> {
    const { destroyShells } = codes;
    return this.send(destroyShells, 0, writeNothing, readJson<Swept>, 'keeper', severalFactor);
  }

  listObjects(): Promise<TokenObject[]> {
    return this.send(codes.listObjects, 0, writeNothing, readJson<TokenObject[]>, 'keeper', severalFactor);
  }

  async close(): Promise<void> {
    this.#pool.close();
  }

  protected send<T>(
    code: number,
    size: number,
    write: (writer: FrameWriter) => void,
    read: ReadResult<T>,
    where: Where = 'any',
    factor = 1,
  ): Promise<T> {
    const connection = this.#pool.pick(where);
    const milliseconds = this.#deadline * factor;
    if (connection !== undefined) return connection.request(code, size, write, read, milliseconds);
    return this.#await(where).then((later) => later.request(code, size, write, read, milliseconds));
  }

  /** Resolves when the host is connected, which of the maker may be when it is started first. */
  async #await(where: Where): Promise<Connection> {
    if (where === 'maker') await this.send(codes.wake, 0, writeNothing, readNothing, 'keeper');
    return this.#pool.wait(where);
  }
}

function sealedProblem(blob: Buffer, context: Buffer): HsmError | undefined {
  if (!isCiphertext(blob) || blob.length > 6144)
    return new HsmError('invalid-ciphertext', 'not a ciphertext blob');
  if (context.length > contextLimit) {
    return new HsmError('internal', `the token tier takes no context of ${context.length} bytes`);
  }
  return undefined;
}

/** Context length ‖ header ‖ context ‖ the rest: so that the AAD crosses in one piece. */
function writeSealed(writer: FrameWriter, blob: Buffer, context: Buffer): void {
  writer.u32(context.length);
  writer.bytes(blob, 0, headerBytes);
  writer.bytes(context);
  writer.bytes(blob, headerBytes);
}

function isRandomLength(length: number): boolean {
  return Number.isInteger(length) && length >= 1 && length <= randomLimit;
}

function isAad(aad: Buffer): boolean {
  return aad.length >= 1 && aad.length <= 1024;
}

const writeNothing = () => {};
