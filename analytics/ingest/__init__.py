"""Raw rows -> regular series: what was measured, and can it be trusted?"""

from analytics.ingest import says
from analytics.ingest.catalogue import Catalogue, catalogue
from analytics.ingest.gaps import with_earlier_gaps
from analytics.ingest.measure import Measured, measure
from analytics.ingest.outages import exclude, find_outages
from analytics.ingest.quality import check_rejects, find_flags, refused_rows
from analytics.ingest.survey import Survey, survey

__all__ = [
    "Catalogue",
    "Measured",
    "Survey",
    "catalogue",
    "check_rejects",
    "exclude",
    "find_flags",
    "find_outages",
    "measure",
    "refused_rows",
    "says",
    "survey",
    "with_earlier_gaps",
]
