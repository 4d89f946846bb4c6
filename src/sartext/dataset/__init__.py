"""SAR-TEXT and the optical texts of stage 1: merged, cleaned, audited, asked about, described, released."""
