import type { AppError } from '../base/errors.ts'
import { asAppError } from '../base/errors.ts'
import type { ByteStream } from '../ports/network.ts'
import { frame, FrameReader } from '../swarm/frames.ts'
import { decodeMessage, encodeMessage, type Message, type MessageOf, type MessageType } from '../swarm/messages.ts'

/** Speaks `/shoal/shard/1` frame by frame, as badly as a test wants. Reads nothing by itself. */
export class RawPeer {
  readonly stream: ByteStream
  private readonly reader: FrameReader

  constructor(stream: ByteStream) {
    this.stream = stream
    this.reader = new FrameReader(stream)
  }

  send(message: Message): Promise<void> {
    return this.sendBody(encodeMessage(message))
  }

  /** A frame with any body. */
  sendBody(body: Uint8Array): Promise<void> {
    return this.stream.write(frame((to) => {
      to.push(body)
    }))
  }

  /** The next message, `null` at the end of the stream. */
  async next(): Promise<Message | null> {
    const body = await this.reader.next()
    return body === null ? null : decodeMessage(body)
  }

  /** The next message of one type, others skipped. Rejects when the stream ends before. */
  async expect<T extends MessageType>(type: T): Promise<MessageOf<T>> {
    for (let message = await this.next(); message !== null; message = await this.next()) {
      if (message.type === type) return message as unknown as MessageOf<T>
    }
    throw asAppError(new RangeError(`the stream ended before ${type}`), 'bug', 'test.ended')
  }

  /** All messages until the stream ends, and how it broke if it did. */
  async rest(): Promise<{ messages: Message[]; broken?: AppError }> {
    const messages: Message[] = []
    try {
      for (let message = await this.next(); message !== null; message = await this.next()) messages.push(message)
      return { messages }
    } catch (error) {
      return { messages, broken: asAppError(error) }
    }
  }
}
