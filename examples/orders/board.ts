// The board: shows every plate that is ready to everybody who watches, over WebSocket.
import { Broadcast } from 'maitre';
import type { WebSocket } from 'maitre/http';
import type { Order } from './menu.ts';

export class Board implements Disposable {
  /** Whoever is a thousand plates behind is sent away: the kitchen waits for nobody. */
  readonly #plates = new Broadcast<Order>({ capacity: 1000, slow: 'disconnect', name: 'board' });

  announce(order: Order): void {
    void this.#plates.publish(order); // never waits
  }

  /** Shows the plates from now on, until the socket or the board is closed. */
  async show(socket: WebSocket): Promise<void> {
    using plates = this.#plates.subscribe();
    await socket.send(JSON.stringify({ watching: true }));
    for await (const { id, table, dish } of plates) await socket.send(JSON.stringify({ id, table, dish }));
  }

  get watchers(): number {
    return this.#plates.subscribers;
  }

  [Symbol.dispose](): void {
    this.#plates.close();
  }
}
