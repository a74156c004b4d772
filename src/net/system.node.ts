// The system port on Node, Bun and Deno.
import { totalmem } from 'node:os';
import { meet, serveMet } from './behind-balancer.ts';
import { descriptorWatch, isOutOfDescriptors } from './descriptor-watch.ts';
import { listen } from './listener.ts';
import { NetWire } from './net-wire.ts';
import { TlsAcceptor } from './secure.ts';
import { SendQueues } from './send-queues.ts';
import { installSystem, type System } from './system.ts';

const nodeSystem: System = {
  listen,
  descriptors: {
    watch: (fn) => descriptorWatch.watch(fn),
    clientCame: () => descriptorWatch.clientCame(),
    acceptFailed: (error) => {
      const isOut = isOutOfDescriptors(error);
      if (isOut) descriptorWatch.ranOut(error);
      return isOut;
    },
  },
  tls: {
    makeAcceptor: (options, handshakeTimeout) => new TlsAcceptor(options, handshakeTimeout),
    accept: (acceptor, wire, onEnd) => {
      const { addresses } = wire;
      acceptor.accept(wire.release(), (outcome) =>
        onEnd(outcome instanceof Error ? outcome : new NetWire(outcome, addresses)),
      );
    },
  },
  balancer: { meet, serveMet },
  readSendQueues: () => SendQueues.read(),
  memory: () => {
    const allowed = process.constrainedMemory?.() ?? 0; // what a container allows; 0, or more than there is, means no limit
    const total = totalmem();
    return allowed > 0 && allowed < total ? allowed : total;
  },
};

/** Installs this system. The entry modules with sockets call it. */
export function installNodeSystem(): void {
  installSystem(nodeSystem);
}
