"""The page: play, analyse, learn and watch runs in the browser. The server keeps no state."""
