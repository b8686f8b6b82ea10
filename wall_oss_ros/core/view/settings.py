"""What the web view shows, how often, and to whom."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.settings import Settings, setting


@dataclass(frozen=True, slots=True)
class WebViewSettings(Settings):
    """Parameters of the node `web_view`."""

    host: str = setting(
        "127.0.0.1",
        "address that browsers connect to; anything but loopback needs a token, e.g. 0.0.0.0",
    )
    port: int = setting(
        8080, "its port; the next free one of ten is taken; 0: any", low=0, high=65535
    )
    token: str = setting(
        "auto",
        "whether a token is asked for: auto (beyond loopback), always",
        valid=("auto", "always"),
    )
    token_file: str = setting(
        "", "file whose first line is the token, 16 characters at least; empty: one is made up"
    )
    rate: float = setting(10.0, "how often robot and marks move [Hz]", low=1.0, high=30.0)
    picture_rate: float = setting(
        3.0, "how often each camera's picture is sent [Hz]; 0: none", low=0.0, high=15.0
    )
    picture_px: int = setting(256, "pictures are made this wide at most [px]", low=32, high=1024)
    jpeg_quality: int = setting(70, "quality of the pictures", low=10, high=95)
    trail_s: float = setting(
        5.0, "how much of the executed motion is shown [s]", low=0.1, high=60.0
    )
    plot_s: float = setting(60.0, "how far back the plots go [s]", low=5.0, high=600.0)
    most_connections: int = setting(
        16, "connections at a time; a browser needs up to 6 while it loads", low=2, high=200
    )
    commands_per_s: float = setting(
        4.0, "commands of one browser that are carried out, e-stops aside [Hz]", low=0.5, high=50.0
    )
    client_kb_per_s: float = setting(
        32.0, "what is read from one browser; beyond, it waits [kB/s]", low=4.0, high=1000.0
    )
