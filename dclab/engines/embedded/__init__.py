"""DockerCoins as processes of this machine: a supervisor, a data path, and real parts where there are any."""
