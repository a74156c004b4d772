// The page: order a dish, and see the plates come.
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Orders</title>
<style>
  :root { color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif; }
  body { max-width: 34rem; margin: 3rem auto; padding: 0 1rem; }
  button { font: inherit; padding: .3rem .9rem; border: 1px solid; border-radius: .5rem; background: none; cursor: pointer; }
  li { padding: .2rem 0; } li::marker { content: '🍽  '; }
  #state { opacity: .7; }
</style>
<h1>What would you like?</h1>
<p id="dishes"></p>
<p id="state" role="status">&nbsp;</p>
<h2>On the board</h2>
<ol id="plates" reversed></ol>
<script type="module">
  const at = (id) => document.getElementById(id);
  const table = 1 + Math.floor(Math.random() * 99);
  for (const [dish, { price }] of Object.entries(await (await fetch('/menu')).json())) {
    const button = Object.assign(document.createElement('button'), { textContent: dish + ' ' + price });
    button.onclick = async () => {
      const body = JSON.stringify({ id: crypto.randomUUID(), table, dish });
      const { ok } = await fetch('/orders', { method: 'POST', body });
      at('state').textContent = ok ? dish + ' for table ' + table + ' is ordered' : 'that did not work';
    };
    at('dishes').append(button, ' ');
  }
  const board = new WebSocket(location.href.replace('http', 'ws') + 'board');
  board.onmessage = ({ data }) => {
    const { dish, table } = JSON.parse(data);
    if (dish === undefined) return;
    at('plates').prepend(Object.assign(document.createElement('li'), { textContent: dish + ' for table ' + table }));
  };
  board.onclose = () => { at('state').textContent = 'the restaurant is closed'; };
</script>
`;
