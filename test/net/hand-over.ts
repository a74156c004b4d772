// A supervisor in a few lines of Python: opens sockets, hands them over as systemd does, and becomes the program under test.
import { fixtureCommand, Program } from './programs.js';

const supervisor = `
import ctypes, fcntl, os, signal, socket, sys

wanted, names, rounds, *command = sys.argv[1:]
held = []

def tcp(at, listen=True):
    s = socket.socket(socket.AF_INET6 if ':' in at else socket.AF_INET)
    s.bind((at, 0))
    if listen: s.listen(100)
    print('port', s.getsockname()[1], flush=True)
    return s

def unix(path, kind=socket.SOCK_STREAM, listen=True):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path.replace('@', '\\0', 1) if path.startswith('@') else path)
    if listen: s.listen(100)
    return s

def open_one(what):
    kind, _, at = what.partition('=')
    if kind == 'tcp': return tcp(at)
    if kind == 'bound': return tcp(at, listen=False)
    if kind == 'unix': return unix(at)
    if kind == 'seqpacket': return unix(at, socket.SOCK_SEQPACKET)
    if kind == 'datagram': return unix(at, socket.SOCK_DGRAM, listen=False)
    if kind == 'unbound': return socket.socket(socket.AF_UNIX)
    if kind == 'udp':
        s = socket.socket(type=socket.SOCK_DGRAM)
        s.bind((at, 0))
        return s
    if kind == 'connected':
        server = tcp(at)
        held.append(server)
        return socket.create_connection(server.getsockname())
    if kind == 'pair':
        a, b = socket.socketpair()
        held.append(b)
        return a
    if kind == 'pipe': return os.fdopen(os.pipe()[0])
    if kind == 'file': return open(at)

# Out of the way first: 3 and up may be in use.
opened = [open_one(each) for each in wanted.split(',')]
high = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD_CLOEXEC, 100) for each in opened]

def become():
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i)
    env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)))
    if names: env['LISTEN_FDNAMES'] = names
    os.execvpe(command[0], command, env)

if rounds == '1': become()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
for _ in range(int(rounds)):
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        ctypes.CDLL(None).prctl(1, 9)  # gone with its parent
        print('pid', os.getpid(), flush=True)
        become()
    os.waitpid(pid, 0)
    print('ended', flush=True)
    signal.sigwait({signal.SIGUSR1})
`;

export interface HandOverOptions {
  readonly names?: string;
  /** More than 1: keeps the sockets, starts the program that often, each time at SIGUSR1 after the last one's end. */
  readonly rounds?: number;
  /** For the fixture. */
  readonly server?: Readonly<Record<string, unknown>>;
}

/** Starts the fixture `activated` with these sockets: `tcp=ADDRESS`, `unix=PATH`, and kinds that cannot be served. */
export function handOver(sockets: readonly string[], options: HandOverOptions = {}): Program {
  const { names = '', rounds = 1, server = {} } = options;
  const [command, args] = fixtureCommand('activated', JSON.stringify(server));
  return new Program('python3', ['-c', supervisor, sockets.join(','), names, String(rounds), command, ...args]);
}

/** What the fixture printed after a word. */
export async function said<T>(program: Program, what: string): Promise<T> {
  return JSON.parse(await program.prints(new RegExp(`^${what} (.*)\n`, 'm'))) as T; // each test knows what it asks for
}
