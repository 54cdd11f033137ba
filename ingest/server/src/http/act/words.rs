//! The words of the small pages, in each language.

use tram_alerts::LinkAction;
use tram_rules::Language;

/// What the pages say in one language.
pub(super) struct Words {
    /// The tag of the language.
    pub(super) tag: &'static str,
    pub(super) office: &'static str,
    pub(super) station: &'static str,
    pub(super) level: &'static str,
    pub(super) since: &'static str,
    pub(super) state: &'static str,
    pub(super) goes_on: &'static str,
    pub(super) is_over: &'static str,
    pub(super) seen_by: &'static str,
    pub(super) public_knows: &'static str,
    pub(super) public_knows_nothing: &'static str,
    pub(super) public_would_read: &'static str,
    pub(super) you_are: &'static str,
    pub(super) comment: &'static str,
    pub(super) reason: &'static str,
    pub(super) nothing_yet: &'static str,
    pub(super) to_the_list: &'static str,
    pub(super) done: &'static str,
    pub(super) broken: &'static str,
    pub(super) expired: &'static str,
    pub(super) forgotten: &'static str,
    pub(super) otherwise: &'static str,
    pub(super) not_allowed: &'static str,
    pub(super) reason_missing: &'static str,
    pub(super) too_long: &'static str,
    pub(super) not_written: &'static str,
    acts: [&'static str; 5],
    asks: [&'static str; 5],
}

impl Words {
    /// The words of a language.
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::Vi => &VI,
            Language::En => &EN,
            Language::Zh => &ZH,
        }
    }

    /// What the button says.
    pub(super) fn act(&self, action: LinkAction) -> &'static str {
        pick(&self.acts, action)
    }

    /// What the page asks.
    pub(super) fn ask(&self, action: LinkAction) -> &'static str {
        pick(&self.asks, action)
    }
}

/// The word of an action; the arrays are in the order of [`LinkAction::ALL`].
fn pick(words: &[&'static str; 5], action: LinkAction) -> &'static str {
    let place = LinkAction::ALL.iter().position(|a| *a == action);
    place.and_then(|place| words.get(place)).copied().unwrap_or_default()
}

static VI: Words = Words {
    tag: "vi",
    office: "Trạm – cảnh báo thiên tai",
    station: "Trạm",
    level: "Cấp",
    since: "Bắt đầu lúc (UTC)",
    state: "Tình trạng",
    goes_on: "đang diễn ra",
    is_over: "đã kết thúc",
    seen_by: "Đã xác nhận",
    public_knows: "Người dân đã được báo cấp",
    public_knows_nothing: "Người dân chưa được báo",
    public_would_read: "Nội dung người dân sẽ nhận được",
    you_are: "Thao tác được ghi vào nhật ký dưới tên",
    comment: "Ghi chú (không bắt buộc)",
    reason: "Lý do (bắt buộc)",
    nothing_yet: "Mở trang này chưa thay đổi gì. Chỉ khi bấm nút thì thao tác mới được thực hiện.",
    to_the_list: "Danh sách cảnh báo",
    done: "Đã ghi nhận.",
    broken: "Liên kết không hợp lệ hoặc bị cắt cụt. Hãy sao chép toàn bộ liên kết trong tin nhắn, hoặc mở danh sách cảnh báo.",
    expired: "Liên kết đã hết hạn. Hãy mở danh sách cảnh báo.",
    forgotten: "Cảnh báo này đã kết thúc từ lâu và không còn được lưu.",
    otherwise: "Cảnh báo đã thay đổi kể từ khi bạn nhận tin: cấp đã khác, đã có người quyết định, hoặc đã kết thúc. Chưa có gì được thực hiện. Hãy xem danh sách cảnh báo rồi quyết định.",
    not_allowed: "Bạn không có trong danh sách người được duyệt cảnh báo. Chưa có gì được thực hiện.",
    reason_missing: "Hãy ghi lý do rồi gửi lại. Chưa có gì được thực hiện.",
    too_long: "Ghi chú dài quá 1000 byte. Hãy rút ngắn rồi gửi lại. Chưa có gì được thực hiện.",
    not_written: "Trung tâm không ghi được thao tác. Hãy thử lại, hoặc gọi điện cho người trực.",
    acts: [
        "Xác nhận đã nhận tin",
        "Tạm gác một giờ",
        "Duyệt và phát cho người dân",
        "Không phát cho người dân",
        "Thông báo hết nguy hiểm",
    ],
    asks: [
        "Bạn xác nhận đã nhận được cảnh báo này?",
        "Tạm gác cảnh báo này trong một giờ?",
        "Duyệt và phát cảnh báo này cho người dân?",
        "Từ chối phát cảnh báo này?",
        "Thông báo đã hết nguy hiểm?",
    ],
};

static EN: Words = Words {
    tag: "en",
    office: "Trạm – disaster warnings",
    station: "Station",
    level: "Level",
    since: "Since (UTC)",
    state: "State",
    goes_on: "goes on",
    is_over: "is over",
    seen_by: "Acknowledged by",
    public_knows: "The public has been told of level",
    public_knows_nothing: "The public has not been told",
    public_would_read: "What the public would read",
    you_are: "It goes into the audit under the name",
    comment: "Comment (may be empty)",
    reason: "Reason (must be given)",
    nothing_yet: "Opening this page has changed nothing. Only the button acts.",
    to_the_list: "List of alarms",
    done: "Done.",
    broken: "The link is not one of this centre, or is cut off. Copy all of it from the message, or open the list of alarms.",
    expired: "The link has expired. Open the list of alarms.",
    forgotten: "This alarm was over long ago and is not kept any more.",
    otherwise: "The alarm has changed since you were told: its level is another, somebody has decided, or it is over. Nothing was done. Look at the list of alarms, then decide.",
    not_allowed: "You are not among those who approve warnings. Nothing was done.",
    reason_missing: "Write the reason and send it again. Nothing was done.",
    too_long: "The comment is longer than 1000 bytes. Shorten it and send it again. Nothing was done.",
    not_written: "The centre could not write it down. Try again, or call the officer on duty.",
    acts: [
        "Acknowledge",
        "Put aside for an hour",
        "Approve and tell the public",
        "Do not tell the public",
        "Give the all-clear",
    ],
    asks: [
        "Have you received this warning?",
        "Put this alarm aside for an hour?",
        "Approve this warning and tell the public?",
        "Reject this warning?",
        "Say that the danger is over?",
    ],
};

static ZH: Words = Words {
    tag: "zh-CN",
    office: "Trạm – 灾害预警",
    station: "站点",
    level: "级别",
    since: "开始时间（UTC）",
    state: "状态",
    goes_on: "持续中",
    is_over: "已结束",
    seen_by: "已确认",
    public_knows: "公众已收到的级别",
    public_knows_nothing: "尚未通知公众",
    public_would_read: "公众将收到的内容",
    you_are: "操作将以此姓名记入日志",
    comment: "备注（可不填）",
    reason: "理由（必填）",
    nothing_yet: "打开本页不会改变任何内容，只有按下按钮才会执行操作。",
    to_the_list: "告警列表",
    done: "已记录。",
    broken: "链接无效或不完整。请完整复制消息中的链接，或打开告警列表。",
    expired: "链接已过期。请打开告警列表。",
    forgotten: "该告警早已结束，不再保存。",
    otherwise: "自您收到消息后告警已发生变化：级别已不同、已有人作出决定或已结束。未执行任何操作。请查看告警列表后再决定。",
    not_allowed: "您不在可批准预警的人员名单中。未执行任何操作。",
    reason_missing: "请填写理由后重新提交。未执行任何操作。",
    too_long: "备注超过 1000 字节。请缩短后重新提交。未执行任何操作。",
    not_written: "中心未能记录该操作。请重试，或致电值班人员。",
    acts: ["确认收到", "搁置一小时", "批准并通知公众", "不通知公众", "发布警报解除"],
    asks: [
        "您确认已收到该预警？",
        "将该告警搁置一小时？",
        "批准该预警并通知公众？",
        "拒绝发布该预警？",
        "宣布危险已解除？",
    ],
};
