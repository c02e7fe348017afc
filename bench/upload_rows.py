"""The scenarios of uploads, as rows of the report."""

from collections.abc import Callable, Mapping

from bench import machine, measure, pictures, report, uploads, world
from bench.figures import percentile
from bench.measure import Effort, Repeat, Row
from bench.site import Site

UPLOAD, UPLOAD_PILLOW, UPLOAD_MEMORY = "upload", "upload_pillow", "upload_memory"


class UploadRows:
    """`servers()` tells the processes of PostgreSQL and Redis."""

    def __init__(self, site: Site, effort: Effort, servers: Callable[[], Mapping[str, list[int]]]) -> None:
        self.site, self.effort, self.servers = site, effort, servers
        self._drawn: bytes | None = None
        self._sent = 0

    def uploads(self, title: str, connections: int) -> Row:
        """One after the other, or so many at once. What isn't warm is started before."""
        picture, tokens = self._photo(), _tokens()

        def send(count: int) -> uploads.UploadsResult:
            return uploads.run(self.site.url, picture, tokens, self._next(count), connections)

        def repeat() -> Repeat:
            with machine.CpuMeter({"app": self.site.pids("web"), **self.servers()}) as meter:
                busy = machine.load()
                result = send(self.effort.uploads * connections)
            middle = percentile(result.times, 50)
            more = {f"{step}_ms": milliseconds for step, milliseconds in result.steps.items()}
            return Repeat(
                rate=result.done / result.seconds,
                done=result.done,
                p50_ms=middle,
                p99_ms=percentile(result.times, 99),
                errors=result.errors + result.refused,
                cpu=meter.seconds,
                others=meter.others,
                load=busy,
                more=more | {"of_2000_ms": middle / uploads.SEEDS_MS},
            )

        send(4 * connections)
        repeats = [repeat() for _ in range(self.effort.repeats)]
        return measure.summary(UPLOAD, f"{title}, {connections} at once", report.US, "uploads", repeats)

    def beside_pillow(self, title: str) -> Row:
        picture = self._photo()

        def repeat() -> Repeat:
            busy = machine.load()
            with machine.CpuMeter(self.servers()) as meter:
                found = uploads.beside_pillow(picture, self.effort.uploads)
            return Repeat(
                rate=1e3 * len(found.ours) / sum(found.ours),
                done=len(found.ours),
                p50_ms=percentile(found.ours, 50),
                p99_ms=percentile(found.ours, 99),
                errors=0,
                cpu={},
                others=meter.others,
                load=busy,
                more={
                    "cpu_ms": found.ours_cpu_ms,
                    "pillow_ms": percentile(found.pillow, 50),
                    "pillow_cpu_ms": found.pillow_cpu_ms,
                    "times_as_fast_as_pillow": found.ratio,
                },
            )

        repeats = [repeat() for _ in range(self.effort.repeats)]
        return measure.summary(UPLOAD_PILLOW, title, report.US, "pictures", repeats)

    def memory(self, title: str) -> Row:
        """Once: a second time finds memory that the first has left. Small pictures have warmed everything before."""
        picture, tokens, web = pictures.large(), _tokens(), self.site.pids("web")
        uploads.run(self.site.url, self._photo(), tokens, self._next(24), connections=6)
        busy = machine.load()
        with (
            machine.CpuMeter({"app": web, **self.servers()}) as meter,
            uploads.MemoryMeter(web) as memory,
        ):
            result = uploads.run(self.site.url, picture, tokens, self._next(uploads.AT_ONCE), uploads.AT_ONCE)
        grown = memory.grown("web_pss")
        repeat = Repeat(
            rate=result.done / result.seconds,
            done=result.done,
            p50_ms=percentile(result.times, 50),
            p99_ms=percentile(result.times, 99),
            errors=result.errors + (grown > uploads.GROWTH_MIB),
            cpu=meter.seconds,
            others=meter.others,
            load=busy,
            more={
                "arrived": result.done,
                "refused": result.refused,
                "web_pss_before_mib": memory.before["web_pss"],
                "web_pss_grown_mib": grown,
                "web_rss_grown_mib": memory.grown("web_rss"),
                "drawing_pss_most_mib": memory.most["drawing_pss"],
                "aim_mib": uploads.GROWTH_MIB,
            },
        )
        return measure.summary(UPLOAD_MEMORY, title, report.US, "uploads", [repeat])

    def _photo(self) -> bytes:
        if self._drawn is None:
            self._drawn = pictures.photo()
        return self._drawn

    def _next(self, count: int) -> range:
        """Numbers that no picture has had yet."""
        self._sent += count
        return range(self._sent - count, self._sent)


def _tokens() -> list[str]:
    from bench.load import access_token

    return [access_token(person) for person in range(1, world.CONVERSATIONS + 1)]
