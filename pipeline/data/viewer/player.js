// Plays the clips of heads that have one: a button, and a slider of seconds.

const player = {time: null, playing: false, last: 0, refresh: () => {}};

function clipSection() {
  const length = Math.max(0, ...heads.map(({motion}) => motion?.length ?? 0));
  if (!length) return '';
  const seconds = x => `${x.toFixed(2)} s`;
  const show = time => {
    player.time = time;
    for (const head of heads) head.seek(time);
    player.refresh();
    reshape();
  };
  const bar = slider(
    {label: 'Time', spoken: 'Clip: time', min: 0, max: length, value: 0, show: seconds}, x => {
      player.playing = false;
      play.textContent = 'Play';
      show(x);
    });
  const tick = now => {
    if (!player.playing) return;
    const time = (player.time ?? 0) + (now - player.last) / 1000;
    player.last = now;
    bar.set(time % length);
    show(time % length);
    requestAnimationFrame(tick);
  };
  const play = button('Play', () => {
    player.playing = !player.playing;
    play.textContent = player.playing ? 'Pause' : 'Play';
    player.last = performance.now();
    if (player.playing) requestAnimationFrame(tick);
  });
  play.id = 'play';
  const stop = button('Stop', () => {
    player.playing = false;
    play.textContent = 'Play';
    bar.set(0);
    show(null);
  });
  return section('Clip', true, make('div', {class: 'buttons'}, play, stop), bar.row);
}
